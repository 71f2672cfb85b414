import Concurrency
import NIOHTTP1
import OCI

extension Repository {
    /// How long what was just pushed may be unknown to the registry itself.
    private static let lags: [Duration] = [.milliseconds(500), .seconds(1), .seconds(2)]

    /// Stores a manifest's exact bytes.
    ///
    /// OCI distribution-spec 1.1.1, end-7. Registries that copy between their machines do not know for a moment what has
    /// just been pushed: a manifest is offered again before anything is sent again.
    func put(_ manifest: Manifest, as tag: TagName?) async throws -> HTTPResponse {
        let context = context(.storeManifest)
        var lags = Self.lags.makeIterator()
        while true {
            do {
                return try await offer(manifest, as: tag, context)
            } catch let error as RegistryError where error.isLag {
                guard let lag = lags.next() else { throw error }
                try await client.retry.timer.sleep(lag)
            }
        }
    }

    private func offer(_ manifest: Manifest, as tag: TagName?, _ context: CallContext) async throws -> HTTPResponse {
        let digest = manifest.descriptor.digest
        guard let tag, digest.algorithm != .sha256 else {
            return try await offer(manifest, at: tag.map(Reference.tag) ?? .digest(digest), tag: nil, context)
        }
        // Under its tag alone the registry would call it by a digest of its own choice.
        let response = try await offer(manifest, at: .digest(digest), tag: tag, context)
        guard !response.headers["OCI-Tag"].contains(tag.description) else { return response }
        return try await offer(manifest, at: .tag(tag), tag: nil, context)
    }

    private func offer(
        _ manifest: Manifest,
        at reference: Reference,
        tag: TagName?,
        _ context: CallContext
    ) async throws -> HTTPResponse {
        var request = request(context, .PUT, "manifests/\(reference)", query: tag.map { "tag=\($0)" })
        request.headers = ["Content-Type": manifest.descriptor.mediaType.description]
        request.body = .bytes(manifest.bytes)
        request.accepted = [200, 201, 202, 204]
        let response = try await client.fetch(request)
        warn(ifUnusual: response)
        try check(response, against: manifest.descriptor.digest, context)
        return response
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
