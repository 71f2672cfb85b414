import NIOHTTP1
import OCI

/// Stores a manifest's exact bytes.
///
/// OCI distribution-spec 1.1.1, end-7.
struct ManifestPush {
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

    /// - Returns: what the registry answers; `nil` where that was lost, and it turned out to hold the manifest.
    func run() async throws -> HTTPResponse? {
        let digest = manifest.descriptor.digest
        guard let tag, digest.algorithm != .sha256 else {
            return try await offer(at: tag.map(Reference.tag) ?? .digest(digest))
        }
        // Under its tag alone the registry would call it by a digest of its own choice.
        do {
            let response = try await offer(at: .digest(digest), as: tag)
            guard response?.headers["OCI-Tag"].contains(tag.description) != true else { return response }
        } catch let error as RegistryError where error.mayBeRefusalOfDigest {
            context.budget.progressed()
        }
        return try await offer(at: .tag(tag))
    }

    private func offer(at reference: Reference, as tag: TagName? = nil) async throws -> HTTPResponse? {
        var request = repository.request(context, .PUT, "manifests/\(reference)", query: tag.map { "tag=\($0)" })
        request.headers = ["Content-Type": manifest.descriptor.mediaType.description]
        request.body = .bytes(manifest.bytes)
        request.accepted = [200, 201, 202, 204]
        var mayBeStored = false
        return try await repository.client.retry.run(context) {
            do {
                let response = try await repository.client.attempt(request)
                try response.confirm(manifest.descriptor.digest, repository, context)
                return response
            } catch var error as RegistryError {
                // What refers to something is stored again, as the answer tells whether the registry lists it.
                let looks = manifest.subject == nil && (!mayBeStored || context.budget.isAtLastTry)
                if looks, error.mayHideSuccess, try await isSeen(at: reference) { return nil }
                if mayBeStored, error.isDenial, try await isHeld(at: reference) { return nil }
                mayBeStored = mayBeStored || error.isBeforeAnswer || error.isOutage
                error.isLag = error.isIgnoranceOfContent && (tag == nil || !error.mayBeRefusalOfDigest)
                // Some that say they have taken a blob in one request may have looked at the request alone.
                if error.isLag { repository.client.wholeUploads.learn(areTaken: false) }
                throw error
            }
        }
    }

    /// Whether the manifest is there although a gateway said otherwise, or hung up.
    private func isSeen(at reference: Reference) async throws -> Bool {
        let seen = try? await ManifestQuestion(repository, reference, .readManifest).glance()
        try Task.checkCancellation()
        return seen == manifest.descriptor.digest
    }

    /// Whether the manifest is there after all: of a try whose answer was lost, where tags cannot be written twice.
    private func isHeld(at reference: Reference) async throws -> Bool {
        do {
            let held = try await ManifestQuestion(repository, reference, .readManifest).descriptor()
            return held?.digest == manifest.descriptor.digest
        } catch is RegistryError {
            return false
        }
    }
}
