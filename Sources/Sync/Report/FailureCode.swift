import Cache
import OCI
import Registry

/// What kind of failure ended a tag, by a name that other programs can rely on.
///
/// Names are added, never changed.
package enum FailureCode: String, CaseIterable, Sendable {
    /// The registry does not accept the credentials, or wants some.
    case unauthorized
    /// The credentials do not suffice.
    case forbidden
    /// A tag, a manifest, a blob or a repository is not there.
    case notFound = "not-found"
    /// The registry wants no requests for longer than is waited.
    case rateLimited = "rate-limited"
    /// The registry answers with 5xx and the like.
    case unavailable
    case timeout
    /// There is no connection to the registry.
    case connection
    /// A certificate or TLS is not accepted.
    case certificate
    /// An answer or a document that cannot be understood.
    case invalidContent = "invalid-content"
    /// Other bytes than those that the digest names.
    case digestMismatch = "digest-mismatch"
    /// The registry takes no content of this size or kind.
    case rejected
    /// None of the platforms asked for is in the image.
    case noPlatform = "no-platform"
    /// What refers to the image could not be mirrored.
    case referrer
    /// Several tags would become one at the target.
    case conflict
    /// The cache, or the disk that it is on.
    case cache
    /// Settings for the registry that cannot be used.
    case configuration
    case other

    /// The kind of an error that ended a tag, an entry or its planning.
    package init(_ error: any Error) {
        self =
            switch error {
            case let error as RegistryError: Self(error.kind)
            case let error as CopyError: Self(error.kind)
            case is CacheError: .cache
            case let error as DocumentError: error.kind == .digestMismatch ? .digestMismatch : .invalidContent
            case is MissingTagError: .notFound
            case is TargetCollision: .conflict
            default: .other
            }
    }

    private init(_ kind: RegistryError.Kind) {
        self =
            switch kind {
            case .unauthorized: .unauthorized
            case .forbidden: .forbidden
            case .notFound, .blobUnknown, .uploadLost: .notFound
            case .rateLimited: .rateLimited
            case .unavailable: .unavailable
            case .timeout: .timeout
            case .connection(.certificate), .connection(.tls), .connection(.alert): .certificate
            case .connection: .connection
            case .protocolViolation: .invalidContent
            case .digestMismatch: .digestMismatch
            case .tooLarge, .unsupported, .rejected: .rejected
            case .configuration: .configuration
            }
    }

    private init(_ kind: CopyError.Kind) {
        self =
            switch kind {
            case .missingTag, .missingRepository, .notInCache, .nothingInCache: .notFound
            case .noPlatform: .noPlatform
            case .referrer, .tooManyReferrers, .imageInPlaceOfList: .referrer
            }
    }
}
