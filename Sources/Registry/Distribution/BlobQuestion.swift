import NIOCore
import NIOHTTP1
import OCI

/// What a repository says of one blob without sending it.
struct BlobQuestion {
    private let repository: Repository
    private let digest: Digest
    private let context: CallContext

    init(_ repository: Repository, _ digest: Digest) {
        self.repository = repository
        self.digest = digest
        context = repository.context(.checkBlob, of: digest)
    }

    func isThere(size: Int64) async throws -> Bool {
        let length: Int64?
        do {
            let head = try await head()
            // A page for people is no blob, whatever its status.
            guard head.status == 200, !head.isWebPage else { return false }
            // Of what is compressed on its way the length says nothing.
            length = head.hasIdentityCoding ? head.contentLength : nil
        } catch let error as RegistryError where error.isRefusalOfHEAD {
            return try await get { $0.status != 404 }
        }
        guard length == 0, size > 0 else { return length.map { $0 == size } ?? true }
        do {
            return try await get { [200, 206].contains($0.status) && (Self.wholeSize($0) ?? size) == size }
        } catch let error as RegistryError where error.isRefusalToTell {
            return false
        }
    }

    /// The blob's size, which is `named` by a manifest where no answer says more than that it is there.
    func size(named: Int64?) async throws -> Int64? {
        do {
            let head = try await head()
            if head.status == 200, !head.isWebPage, head.hasIdentityCoding, let length = credible(head.contentLength) {
                return length
            }
        } catch let error as RegistryError where error.isRefusalOfHEAD {}
        // Proxies that fetch on demand know of a blob by HEAD only once they have it.
        return try await sizeByReading(named)
    }

    private func sizeByReading(_ named: Int64?, isWhole: Bool = false) async throws -> Int64? {
        do {
            return try await get(isWhole: isWhole) { response in
                guard response.status != 404 else { throw absence(isNamed: named != nil) }
                let told = Self.wholeSize(response)
                guard let size = told == nil ? named : credible(told) else {
                    throw context.error(.protocolViolation, "the answer does not tell the blob's size")
                }
                return size
            }
        } catch let error as RegistryError where error.kind == .notFound {
            return nil
        } catch let error as RegistryError where !isWhole && error.isRefusalOfRange && !error.isWebPage {
            return try await sizeByReading(named, isWhole: true)
        }
    }

    /// Registries lag behind themselves: a manifest can be there before its blobs.
    private func absence(isNamed: Bool) -> RegistryError {
        var error = context.error(.notFound, "", status: 404)
        error.isRetriedOnce = isNamed && !context.budget.hasAlternative
        return error
    }

    /// A length, unless it is that of nothing and the blob is not: some count the body that an answer to HEAD lacks.
    private func credible(_ length: Int64?) -> Int64? {
        length == 0 && digest != Digest.of(ByteBuffer(), algorithm: digest.algorithm) ? nil : length
    }

    private func head() async throws -> HTTPResponse {
        var request = repository.request(context, .HEAD, "blobs/\(digest)")
        request.accepted = [200, 404]
        return try await repository.client.fetch(request)
    }

    /// Asks for the first byte, or for all, and reads nothing of it.
    private func get<Result>(isWhole: Bool = false, _ use: (HTTPResponse) throws -> Result) async throws -> Result {
        let client = repository.client
        var request = repository.request(context.again(), .GET, "blobs/\(digest)")
        if !isWhole { request.headers = ["Range": "bytes=0-0"] }
        request.isStreamed = true
        request.accepted = [200, 206, 404, 416]
        return try await client.retry.run(request.context) {
            try await client.perform(request) { response in
                guard !response.isWebPage || response.status == 404 else { throw context.notUnderstood(response, "") }
                return try use(response)
            }
        }
    }

    /// The whole blob's size as the answer to a request of its first byte tells it.
    private static func wholeSize(_ response: HTTPResponse) -> Int64? {
        if response.status == 200 { return response.hasIdentityCoding ? response.contentLength : nil }
        switch response.header("Content-Range").flatMap({ ContentRange($0) }) {
        case .range(_, _, let size): return size
        case .unsatisfied(let size): return size
        case nil: return nil
        }
    }
}
