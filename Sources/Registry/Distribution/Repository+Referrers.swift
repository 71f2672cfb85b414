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
        let context = context(.listReferrers)
        var request = request(context, .GET, "referrers/\(digest)")
        request.headers = ["Accept": MediaType.ociIndex.description]
        request.limit = Manifest.maximumSize
        request.accepted = [200, 204, 400, 404, 405, 501]
        var found: [Descriptor] = []
        var visited: Set<HTTPURL> = []
        while true {
            let response = try await page(request)
            let type = response?.header("Content-Type").flatMap { try? MediaType($0) }
            guard let response, response.status == 200, type == .ociIndex else {
                guard visited.isEmpty else {
                    throw context.error(.protocolViolation, "a page of the list is missing", status: response?.status)
                }
                return nil
            }
            found += try Self.descriptors(response, context)
            visited.insert(response.url)
            guard let link = Link.next(in: response.headers["Link"]) else { return found }
            guard let next = response.url.resolving(link), next.origin == response.url.origin,
                next.path == response.url.path, !visited.contains(next), found.count < Self.maximumReferrers
            else { throw context.error(.protocolViolation, "the pages of the list do not fit together") }
            request.target = .url(next)
        }
    }

    /// - Returns: `nil` when the registry, or who stands before it, knows no such question.
    private func page(_ request: HTTPRequest) async throws -> HTTPResponse? {
        do {
            return try await client.fetch(request)
        } catch let error as RegistryError where error.isLackOfReferrers {
            return nil
        }
    }

    private static func descriptors(
        _ response: HTTPResponse,
        _ context: CallContext
    ) throws(RegistryError)
        -> [Descriptor]
    {
        guard !response.isCut else { throw context.error(.tooLarge, "the list of referrers is too large") }
        do {
            return try Manifest(bytes: response.bytes, contentType: .ociIndex).references
        } catch {
            throw context.error(.protocolViolation, error.reason, cause: error)
        }
    }
}

extension RegistryError {
    fileprivate var isLackOfReferrers: Bool {
        guard let status, action == .listReferrers else { return false }
        return [401, 403, 406, 410, 415].contains(status) || (300..<400).contains(status)
    }
}
