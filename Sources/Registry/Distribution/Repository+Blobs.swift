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
        let context = context(.checkBlob)
        do {
            guard let head = try await head(descriptor.digest, context) else { return false }
            return head.contentLength.map { $0 == descriptor.size } ?? true
        } catch let error as RegistryError where error.isRefusalOfHEAD {
            return try await firstByte(descriptor.digest, context) { $0.status != 404 }
        }
    }

    /// The size of a blob by its digest alone, in bytes.
    ///
    /// OCI distribution-spec 1.1.1, end-2 with HEAD; where that is refused or says too little, a GET of one byte.
    ///
    /// - Returns: `nil` when there is no such blob.
    package func blobSize(_ digest: Digest) async throws -> Int64? {
        let context = context(.checkBlob)
        do {
            guard let head = try await head(digest, context) else { return nil }
            if let length = head.contentLength { return length }
        } catch let error as RegistryError where error.isRefusalOfHEAD {}
        return try await firstByte(digest, context) { response in
            if response.status == 404 { return nil }
            guard let size = Self.wholeSize(response) else {
                throw context.error(.protocolViolation, "the answer does not tell the blob's size")
            }
            return size
        }
    }

    private func head(_ digest: Digest, _ context: CallContext) async throws -> HTTPResponse? {
        var request = request(context, .HEAD, "blobs/\(digest)")
        request.accepted = [200, 404]
        let response = try await client.fetch(request)
        return response.status == 200 ? response : nil
    }

    private func firstByte<Result>(
        _ digest: Digest,
        _ context: CallContext,
        _ use: (HTTPResponse) throws -> Result
    ) async throws -> Result {
        var request = request(context.again(), .GET, "blobs/\(digest)")
        request.headers = ["Range": "bytes=0-0"]
        request.isStreamed = true
        request.accepted = [200, 206, 404, 416]
        return try await client.retry.run(request.context) { try await client.perform(request) { try use($0) } }
    }

    /// The whole blob's size as the answer to a request of its first byte tells it.
    private static func wholeSize(_ response: HTTPResponse) -> Int64? {
        if response.status == 200 { return response.contentLength }
        switch response.header("Content-Range").flatMap({ ContentRange($0) }) {
        case .range(_, _, let size): return size
        case .unsatisfied(let size): return size
        case nil: return nil
        }
    }
}

extension RegistryError {
    /// Whether a GET may be answered where this HEAD was not; storage services sign their addresses for one method.
    fileprivate var isRefusalOfHEAD: Bool {
        kind == .unauthorized || kind == .unsupported || [401, 403].contains(status)
    }
}
