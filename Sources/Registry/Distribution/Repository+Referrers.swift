import NIOHTTP1
package import OCI

extension Repository {
    private static let maximumReferrers = 10_000

    /// What refers to a manifest, as the registry's own interface lists it.
    ///
    /// OCI distribution-spec 1.1.1, end-12a, all pages.
    ///
    /// - Returns: `nil` when the registry has no such interface; an empty list for what nothing refers to.
    package func listedReferrers(of digest: Digest) async throws -> [Descriptor]? {
        var call = call(.listReferrers, .GET, "referrers/\(digest)")
        call.headers = ["Accept": MediaType.ociIndex.description]
        call.limit = Manifest.maximumSize
        var found: [Descriptor] = []
        var visited: Set<HTTPURL> = []
        while true {
            let answer = try await connection.fetch(call, accepting: [200, 400, 404, 405, 501])
            let type = answer.header("Content-Type").flatMap { try? MediaType($0) }
            guard answer.status == 200, type == .ociIndex else {
                guard visited.isEmpty else {
                    throw call.context.error(.protocolViolation, "a page of the list is missing", status: answer.status)
                }
                return nil
            }
            found += try Self.descriptors(answer, call.context)
            visited.insert(answer.address)
            guard let link = LinkHeader.next(in: answer.headers["Link"]) else { return found }
            guard let next = answer.address.resolving(link), next.origin == answer.address.origin,
                next.path == answer.address.path, !visited.contains(next), found.count < Self.maximumReferrers
            else { throw call.context.error(.protocolViolation, "the pages of the list do not fit together") }
            call.target = .address(next)
        }
    }

    /// Stores a manifest that refers to another.
    ///
    /// OCI distribution-spec 1.1.1, "Pushing Manifests with Subject".
    ///
    /// - Returns: whether the registry lists it among the subject's referrers itself (`OCI-Subject`).
    package func storeReferrer(_ manifest: Manifest, as tag: TagName?) async throws -> Bool {
        let reference = tag.map(Reference.tag) ?? .digest(manifest.descriptor.digest)
        var call = call(.storeManifest, .PUT, "manifests/\(reference)")
        call.headers = ["Content-Type": manifest.descriptor.mediaType.description]
        call.body = .bytes(manifest.bytes)
        let answer = try await connection.fetch(call, accepting: [200, 201, 202, 204])
        warn(ifUnusual: answer)
        try check(answer, against: manifest.descriptor.digest, call.context)
        guard let subject = manifest.subject else { return false }
        return answer.header("OCI-Subject").flatMap { try? Digest($0) } == subject.digest
    }

    private static func descriptors(_ answer: Answer, _ context: CallContext) throws(RegistryError) -> [Descriptor] {
        guard !answer.isCut else { throw context.error(.tooLarge, "the list of referrers is too large") }
        do {
            return try Manifest(bytes: answer.body, contentType: .ociIndex).references
        } catch {
            throw context.error(.protocolViolation, error.reason, cause: error)
        }
    }
}
