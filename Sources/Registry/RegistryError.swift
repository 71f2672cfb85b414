package import FoundationEssentials
package import OCI

/// What went wrong between us and somebody's registry.
///
/// Its ``description`` is one line: whose registry, what failed, what to do. It never holds a secret or the query of
/// a URL, and everything the registry said in it is made safe to display.
package struct RegistryError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    package enum Kind: Hashable, Sendable {
        /// 401: no credentials, or credentials that are not accepted.
        case unauthorized
        /// 403: these credentials do not suffice.
        case forbidden
        /// 404 where something must be there.
        case notFound
        /// The registry wants no request before that time, and it is too long to wait.
        case rateLimited(until: Date)
        /// 5xx and the like, after all tries.
        case unavailable
        /// No answer, or no progress, in time.
        case timeout
        case connection(Connection)
        /// An answer that the protocol does not allow.
        case protocolViolation
        /// Other bytes than those that the digest names.
        case digestMismatch
        /// More bytes than are accepted.
        case tooLarge
        /// The registry cannot do it.
        case unsupported
        /// `MANIFEST_BLOB_UNKNOWN`: the registry lacks blobs or children of a manifest; those that it names.
        case blobUnknown([Digest])
        /// The upload session is gone.
        case uploadLost
        /// Any other 4xx.
        case rejected
        /// Our own configuration for this registry cannot be used.
        case configuration
    }

    /// Why there is no connection.
    package enum Connection: Hashable, Sendable {
        case refused
        case reset
        case unreachable
        case unknownHost
        /// This machine opens none: for want of files, ports or memory, or as it must not.
        case withheld
        /// What answers is no TLS.
        case tls
        case certificate
        /// A proxy before it lets nobody through.
        case barred
        /// TLS is spoken there, and the handshake refused.
        case alert

        /// Whether somebody was there, and one of the two does not accept the other.
        var isRefusal: Bool { self == .certificate || self == .alert }
    }

    /// What was being done.
    package enum Action: String, Hashable, Sendable {
        case listTags = "list the tags"
        case resolve = "resolve the reference"
        case readManifest = "read the manifest"
        case listReferrers = "list the referrers"
        case readBlob = "read the blob"
        case checkBlob = "check the blob"
        case mountBlob = "mount the blob"
        case storeBlob = "store the blob"
        case storeManifest = "store the manifest"
        case getToken = "get a token"
        case readDocument = "read the document"
    }

    package var kind: Kind
    package var action: Action
    package var location: RepositoryReference
    /// With what it was done, where that is a blob or a part of an image; safe to display.
    var subject: String?
    /// The HTTP status, where there was an answer.
    package var status: Int?
    /// The first error code of the answer, where it had one: `MANIFEST_UNKNOWN`.
    package var code: DistributionError.Code?
    /// What happened, safe to display; without the place.
    package var detail: String
    /// Which credentials were presented; only for messages.
    package var credential: Credential.Source?
    /// Their user's name.
    package var user: String?
    package var cause: (any Error)?
    /// Whether a token was refused that the registry's own token service has just given.
    var isTokenRefused = false
    /// Whether there are credentials that were not sent, as the registry has not asked for them in a way that is known.
    var isUnasked = false
    /// Whether the connection ended before an answer began: one more try is free, as kept connections go stale.
    var isBeforeAnswer = false
    /// Whether there was no connection at all.
    var isConnecting = false
    /// Whether it was a kept connection: another one is free as well.
    var isStale = false
    /// Whether one more try is worth it, though the answer looks final.
    var isRetriedOnce = false
    /// Whether the registry does not know yet what it was just given: it is asked again before anything is sent again.
    var isLag = false
    /// Whether the registry does not tell either what it has in the place of what it refuses.
    package var isUntold = false
    /// Whether the registry may have taken something that it has not shown since: what is there, nobody knows.
    package var isUnconfirmed = false
    /// Whether an upload broke off while its own source paused: no failure of this registry.
    var isAwaitingSource = false
    /// Whether the repository has taken something before: what is missing is not the repository.
    var isRepositoryThere = false
    /// How long the registry, or whoever it leads to, wants to be left alone.
    var pause: Duration?
    /// Whether nothing was sent, as that time was not over.
    var isUnsent = false
    /// How many tries were made, once there are to be no more.
    package var tries: Int?
    /// Who failed, where that is not the registry itself: a token service, a content network.
    var other: String?
    /// Whether it is the registry that has led there, by a redirect or with the place of an upload.
    var isLed = false
    /// The proxy to which there is no connection, or that lets none through.
    var proxy: String?
    /// Under whose name credentials were looked for, where that is not the registry's.
    var account: RegistryHost?

    /// Whether a store has failed to which the registry leads with its blobs.
    package var isStores: Bool { isLed && [.readBlob, .checkBlob].contains(action) }

    /// How much longer the registry wants to be left alone, in whole seconds; `nil` where it has not said so.
    package var timeToRest: Duration? {
        guard case .rateLimited(let until) = kind else { return nil }
        return .seconds(max(1, until.timeIntervalSinceNow.rounded(.up)))
    }

    /// Whether the same operation may succeed when it is tried again later.
    package var isRetryable: Bool {
        switch kind {
        case .unavailable, .timeout, .digestMismatch, .uploadLost: true
        case .connection(let connection): !connection.isRefusal && connection != .barred
        case .rateLimited: false
        case .unauthorized, .forbidden, .notFound, .protocolViolation, .tooLarge, .unsupported: false
        case .blobUnknown, .rejected, .configuration: false
        }
    }
}
