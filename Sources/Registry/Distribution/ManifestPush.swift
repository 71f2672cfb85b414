import Concurrency
import Logging
import NIOHTTP1
import OCI

/// Stores a manifest's exact bytes.
///
/// OCI distribution-spec 1.1.1, end-7. Registries that copy between their machines do not know for a moment what has
/// just been pushed: a manifest is offered again before anything is sent again.
struct ManifestPush {
    /// How long what was just pushed may be unknown to the registry itself.
    private static let lags: [Duration] = [.milliseconds(500), .seconds(1), .seconds(2)]

    private let manifest: Manifest
    private let tag: TagName?
    private let repository: Repository
    private let context: CallContext

    init(_ manifest: Manifest, as tag: TagName?, to repository: Repository) {
        self.manifest = manifest
        self.tag = tag
        self.repository = repository
        context = repository.context(.storeManifest)
    }

    func run() async throws -> HTTPResponse {
        var lags = Self.lags.makeIterator()
        while true {
            do {
                return try await offer()
            } catch let error as RegistryError where error.isLag {
                guard let lag = lags.next() else { throw error }
                try await repository.client.retry.timer.sleep(lag)
            }
        }
    }

    private func offer() async throws -> HTTPResponse {
        let digest = manifest.descriptor.digest
        guard let tag, digest.algorithm != .sha256 else {
            return try await offer(at: tag.map(Reference.tag) ?? .digest(digest))
        }
        // Under its tag alone the registry would call it by a digest of its own choice.
        let response = try await offer(at: .digest(digest), as: tag)
        guard !response.headers["OCI-Tag"].contains(tag.description) else { return response }
        return try await offer(at: .tag(tag))
    }

    private func offer(at reference: Reference, as tag: TagName? = nil) async throws -> HTTPResponse {
        var request = repository.request(context, .PUT, "manifests/\(reference)", query: tag.map { "tag=\($0)" })
        request.headers = ["Content-Type": manifest.descriptor.mediaType.description]
        request.body = .bytes(manifest.bytes)
        request.accepted = [200, 201, 202, 204]
        return try await repository.client.retry.run(context) {
            let response = try await repository.client.attempt(request)
            try response.confirm(manifest.descriptor.digest, repository, context)
            return response
        }
    }
}

extension HTTPResponse {
    /// Whether an accepted push has really been taken: who stands in between may say so with a page of its own.
    func confirm(_ digest: Digest, _ repository: Repository, _ context: CallContext) throws(RegistryError) {
        guard status == 201 || !isWebPage else { throw context.notUnderstood(self, "") }
        if status != 201 {
            repository.client.retry.logger.debug(
                "a push was accepted with an unusual status",
                metadata: ["place": "\(repository.place)", "status": "\(status)"]
            )
        }
        try check(against: digest, context)
    }
}

extension RegistryError {
    /// The registry does not know what it was just given.
    fileprivate var isLag: Bool {
        switch kind {
        case .blobUnknown: true
        case .notFound: code != .nameUnknown
        default: code == .manifestUnknown || code == .manifestInvalid && status == 400
        }
    }
}
