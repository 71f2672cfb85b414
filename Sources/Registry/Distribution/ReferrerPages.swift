import NIOHTTP1
import OCI
import Synchronization

/// The pages of one listing of referrers, by the registry's own interface.
struct ReferrerPages {
    private static let maximumReferrers = 10_000
    private static let maximumPages = 1000

    private let repository: Repository
    private let context: CallContext

    init(_ repository: Repository) {
        self.repository = repository
        context = repository.context(.listReferrers)
    }

    /// - Returns: `nil` where the registry knows no such question; see ``Repository/referrers(of:)``.
    func all(of digest: Digest) async throws -> Knowledge<[ReferrerEntry]?> {
        var request = repository.request(context, .GET, "referrers/\(digest)")
        request.headers = ["Accept": MediaType.ociIndex.description]
        request.limit = Manifest.maximumSize
        request.accepted = [200, 204, 400, 404, 405, 501]
        var found: [ReferrerEntry] = []
        var visited: Set<HTTPURL> = []
        while true {
            let response: HTTPResponse
            let entries: [ReferrerEntry]
            switch try await page(request) {
            case .known(let page?): (response, entries) = page
            case let lack:
                guard visited.isEmpty else { throw context.error(.protocolViolation, "a page of the list is missing") }
                if case .unknown(let error) = lack { return .unknown(error) }
                return .known(nil)
            }
            found += entries
            visited.insert(response.url)
            guard let next = try response.nextPage(context) else { return .known(found) }
            // Some name a next page on each, the last one too; that there is nothing at all such a list does not prove.
            if entries.isEmpty, visited.contains(next) {
                let error = context.error(.protocolViolation, "the pages of the list do not end")
                return found.isEmpty ? .unknown(error) : .known(found)
            }
            guard !visited.contains(next), found.count < Self.maximumReferrers, visited.count < Self.maximumPages
            else {
                throw context.error(.protocolViolation, "the pages of the list do not fit together")
            }
            request.target = .url(next)
        }
    }

    /// - Returns: `nil` when the registry knows no such question; what it, or who stands before it, says otherwise tells nothing
    ///   of what there is.
    private func page(_ request: HTTPRequest) async throws -> Knowledge<(HTTPResponse, [ReferrerEntry])?> {
        let client = repository.client
        do {
            return try await client.retry.run(context) {
                let response = try await client.attempt(request)
                guard response.status == 200 else {
                    // Who names the repository or the manifest has understood the question.
                    let refusal = RegistryError(response, context)
                    return [.nameUnknown, .manifestUnknown].contains(refusal.code) ? .unknown(refusal) : .known(nil)
                }
                guard let entries = try entries(response) else { throw noList(response) }
                client.hasNoLists.store(false, ordering: .relaxed)
                return .known((response, entries))
            }
        } catch let error as RegistryError where error.isLackOfReferrers {
            return .unknown(error)
        } catch let error as RegistryError where error.isNoList {
            client.hasNoLists.store(true, ordering: .relaxed)
            return .unknown(error)
        }
    }

    /// Some answer so for a moment; others have a page for whatever they do not know.
    private func noList(_ response: HTTPResponse) -> RegistryError {
        var error = context.notUnderstood(response, "the answer is no list of referrers")
        error.isRetriedOnce = !repository.client.hasNoLists.load(ordering: .relaxed)
        return error
    }

    /// - Returns: `nil` for another document than such a list. One without a type, or with one that says nothing, is one by what
    ///   it says itself.
    private func entries(_ response: HTTPResponse) throws(RegistryError) -> [ReferrerEntry]? {
        let type = response.header("Content-Type").flatMap { try? MediaType($0) }
        guard type == .ociIndex else {
            guard type?.isGeneral != false, !response.isCut, let root = try? JSONValue(parsing: response.bytes),
                Self.isList(root)
            else { return nil }
            return try? ImageIndex(referrers: root).entries.map(ReferrerEntry.init)
        }
        guard !response.isCut else { throw context.error(.tooLarge, "the list of referrers is too large") }
        do {
            return try ImageIndex(referrers: JSONValue(parsing: response.bytes)).entries.map(ReferrerEntry.init)
        } catch {
            throw context.error(.protocolViolation, error.reason, cause: error)
        }
    }

    private static func isList(_ root: JSONValue) -> Bool {
        guard let type = root["mediaType"]?.string else { return root["manifests"] != nil }
        return type == MediaType.ociIndex.description
    }
}
