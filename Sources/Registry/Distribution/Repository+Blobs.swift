package import NIOCore
import NIOHTTP1
package import OCI

extension Repository {
    package func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        var download = BlobDownload(descriptor: descriptor, offset: offset, repository: self)
        try await download.run(deliver)
    }

    /// Whether the repository holds the blob, with the size that its descriptor says.
    ///
    /// OCI distribution-spec 1.1.1, end-2 with HEAD; where that is refused, a GET whose body is not read.
    package func contains(_ descriptor: Descriptor) async throws -> Bool {
        let path = "blobs/\(descriptor.digest)"
        do {
            let answer = try await connection.fetch(call(.checkBlob, .HEAD, path), accepting: [200, 404])
            guard answer.status == 200 else { return false }
            return answer.header("Content-Length").flatMap { Int64($0) }.map { $0 == descriptor.size } ?? true
        } catch let error as RegistryError where error.isRefusalOfHEAD {
            var call = call(.checkBlob, .GET, path)
            call.headers = ["Range": "bytes=0-0"]
            call.isStreamed = true
            return try await connection.retrier.run(call.context) {
                try await connection.perform(call, accepting: [200, 206, 404, 416]) { reply in
                    reply.status != 404
                }
            }
        }
    }

    /// The size of a blob by its digest alone, in bytes.
    ///
    /// OCI distribution-spec 1.1.1, end-2 with HEAD; where that is refused or says too little, a GET of one byte.
    ///
    /// - Returns: `nil` when there is no such blob.
    package func blobSize(_ digest: Digest) async throws -> Int64? {
        let path = "blobs/\(digest)"
        do {
            let answer = try await connection.fetch(call(.checkBlob, .HEAD, path), accepting: [200, 404])
            if answer.status == 404 { return nil }
            if let length = answer.header("Content-Length").flatMap({ Int64($0) }) { return length }
        } catch let error as RegistryError where error.isRefusalOfHEAD {}
        var call = call(.checkBlob, .GET, path)
        call.headers = ["Range": "bytes=0-0"]
        call.isStreamed = true
        return try await connection.retrier.run(call.context) {
            try await connection.perform(call, accepting: [200, 206, 404, 416]) { reply in
                if reply.status == 404 { return nil }
                guard let size = Self.wholeSize(reply) else {
                    throw call.context.error(.protocolViolation, "the answer does not tell the blob's size")
                }
                return size
            }
        }
    }

    /// The whole blob's size as the answer to a request of its first byte tells it.
    private static func wholeSize(_ reply: Reply) -> Int64? {
        if reply.status == 200 { return reply.headers.first(name: "Content-Length").flatMap { Int64($0) } }
        switch reply.headers.first(name: "Content-Range").flatMap({ ContentRange($0) }) {
        case .range(_, _, let size): return size
        case .unsatisfied(let size): return size
        case nil: return nil
        }
    }
}

extension RegistryError {
    /// Whether a GET may be answered where this HEAD was not; storage services sign their addresses for one method.
    fileprivate var isRefusalOfHEAD: Bool {
        kind == .unauthorized || kind == .unsupported || kind == .rejected && (status == 401 || status == 403)
    }
}
