package import OCI

/// Why a request cannot be answered although it is well formed; never a statement about whether something exists.
package struct ServeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What went wrong; it decides the answer's status.
    package enum Kind: Hashable, Sendable {
        /// The upstream answered with an error, or with nonsense: 502.
        case upstreamFailed
        /// The upstream did not answer in time: 504.
        case upstreamTimedOut
        /// The upstream limits our rate: 429.
        case upstreamRateLimited
        /// The upstream does not let us see it: 403.
        case upstreamDenied
        /// The cache cannot be read or written now: 503.
        case cacheUnavailable
    }

    package let kind: Kind
    /// What happened and whose registry it was; made safe when it is shown.
    package let message: String
    /// When to come again, in seconds, where the upstream says so.
    package let retryAfter: Int?

    package init(_ kind: Kind, _ message: String, retryAfter: Int? = nil) {
        self.kind = kind
        self.message = message
        self.retryAfter = retryAfter
    }

    /// The status of the answer.
    package var status: Int {
        switch kind {
        case .upstreamFailed: 502
        case .upstreamTimedOut: 504
        case .upstreamRateLimited: 429
        case .upstreamDenied: 403
        case .cacheUnavailable: 503
        }
    }

    /// The code of the answer's body.
    package var code: DistributionError.Code {
        switch kind {
        case .upstreamRateLimited: .tooManyRequests
        case .upstreamDenied: .denied
        case .upstreamFailed, .upstreamTimedOut, .cacheUnavailable: .unknown
        }
    }

    package var description: String {
        "\(message.displaySafe(limit: 1024)); this does not say whether the content exists"
    }
}
