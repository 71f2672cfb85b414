import Cache
import NIOCore
import NIOPosix
import OCI

/// Answers requests for blobs.
struct BlobAnswers: Sendable {
    let content: any ServedContent
    let hosts: KnownHosts
    let verified: VerifiedFiles
    let metrics: ServeMetrics
    private let small = KeptFiles<ByteBuffer>(limit: 16 << 20)

    /// Larger ones are not kept in memory, in bytes.
    private static let smallSize: Int64 = 32 << 10
    /// Larger files are hashed while they are sent; up to this they are hashed before.
    private static let hashedBeforeSize: Int64 = 4 << 20

    /// The answer for a blob that is in the cache and known to be right.
    ///
    /// - Returns: `nil` when ``blob(_:of:_:_:)`` has to be asked.
    func atHand(_ request: RequestHead, _ target: RequestTarget, _ name: [String], _ digest: String) -> Response? {
        guard let digest = try? Digest(digest),
            let address = try? hosts.address(name, namespace: target["ns"]),
            var response = answerAtOnce(digest, address.repository, request)
        else { return nil }
        metrics.count(.blobHit)
        if let namespace = address.namespace { response.fields.append(("OCI-Namespace", namespace)) }
        return response
    }

    private func answerAtOnce(
        _ digest: Digest,
        _ repository: RepositoryReference,
        _ request: RequestHead
    ) -> Response? {
        if request.method == .head {
            return (try? content.fileAtHand(digest, of: repository)).flatMap {
                withoutBytes(digest, size: $0.size, request)
            }
        }
        if let kept = small[digest], (try? content.fileAtHand(digest, of: repository)) == kept.file,
            verified.contains(kept.file)
        {
            return body(digest, size: kept.file.size, request) { .bytes(kept.value.part($0)) }
        }
        guard let file = try? content.blobAtHand(digest, of: repository) else { return nil }
        if file.size <= Self.smallSize, let read = readSmall(file) {
            return body(digest, size: file.size, request) { .bytes(read.part($0)) }
        }
        guard verified.contains(file) else { return nil }
        return body(digest, size: file.size, request) { .file(file, $0) }
    }

    /// - Returns: all of a small file, where it is in memory and right.
    private func readSmall(_ file: BlobFile) -> ByteBuffer? {
        var bytes = ByteBufferAllocator().buffer(capacity: Int(file.size))
        _ = file.readResident(at: 0, atMost: Int(file.size), into: &bytes)
        return keepSmall(bytes, of: file)
    }

    /// Reads a small file where the disk may be waited for, and where its system cannot tell what is in memory.
    ///
    /// - Returns: all of it, where it can be read at once and is right.
    private func fetchSmall(_ file: BlobFile) async throws -> ByteBuffer? {
        guard file.size <= Self.smallSize else { return nil }
        return try await verified.threads.reading.runIfActive {
            try file.readUnlessLost(at: 0, atMost: Int(file.size)).flatMap { keepSmall($0, of: file) }
        }
    }

    private func keepSmall(_ bytes: ByteBuffer, of file: BlobFile) -> ByteBuffer? {
        guard bytes.readableBytes == file.size else { return nil }
        if !verified.contains(file) {
            guard Digest.of(bytes, algorithm: file.digest.algorithm) == file.digest else { return nil }
            verified.insert(file)
        }
        small.keep(bytes, bytes.storageCapacity, of: file.digest, in: file.version)
        return bytes
    }

    func blob(
        _ text: String,
        of address: Address,
        _ request: RequestHead,
        _ client: ServedClient
    ) async throws -> Response {
        guard let digest = try? Digest(text) else { return .invalidDigest(text) }
        // What turns out damaged is put aside, and asked for once more: it may be elsewhere.
        for _ in 0..<2 {
            let found = try await content.blob(digest, of: address.repository, client: client) { size in
                withoutBytes(digest, size: size, request) == nil
            }
            guard let found else { break }
            if request.method == .head, let head = withoutBytes(digest, size: found.size, request) { return head }
            switch found {
            case .stored(let file):
                metrics.count(.blobHit)
                if let response = try await stored(file, request) { return response }
                await content.quarantine(file)
            case .arriving(let blob):
                metrics.count(.blobMiss)
                return body(digest, size: blob.descriptor.size, request) { range in .arriving(blob, range) }
            case .known(let size):
                if let response = withoutBytes(digest, size: size, request) { return response }
                throw ServeError(.upstreamFailed, "the content of \(digest) could not be read")
            }
        }
        return Response(404, .blobUnknown, "there is no blob \(digest) here")
    }

    /// - Returns: `nil` when its bytes turned out wrong.
    private func stored(_ file: BlobFile, _ request: RequestHead) async throws -> Response? {
        if let read = try await fetchSmall(file) {
            return body(file.digest, size: file.size, request) { range in .bytes(read.part(range)) }
        }
        let range = RangeRequest(request.fields.range, size: file.size)
        let isWhole = range == .whole || range == .part(0..<file.size)
        if !verified.contains(file) {
            if isWhole, file.size > Self.hashedBeforeSize, let blob = unverified(file) {
                return body(file.digest, size: file.size, request) { range in .arriving(blob, range) }
            }
            guard try await verified.verify(file) else { return nil }
        }
        return body(file.digest, size: file.size, request) { range in .file(file, range) }
    }

    private func unverified(_ file: BlobFile) -> UnverifiedBlob? {
        Descriptor(mediaType: .octetStream, digest: file.digest, size: file.size).map { descriptor in
            UnverifiedBlob(
                descriptor: descriptor,
                verification: verified.verification(of: file),
                verified: verified
            ) { await content.quarantine($0) }
        }
    }

    /// The answer to GET: the whole, a part, or why not.
    private func body(
        _ digest: Digest,
        size: Int64,
        _ request: RequestHead,
        _ body: (Range<Int64>) -> Response.Body
    ) -> Response {
        if let response = withoutBytes(digest, size: size, request) { return response }
        let tag = EntityTag(digest)
        var fields = Self.fields(digest, tag)
        guard case .part(let part) = range(tag, size, request) else {
            return Response(200, fields, body: body(0..<size))
        }
        fields.append(("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)"))
        return Response(206, fields, body: body(part))
    }

    /// The answer where none of the blob's bytes are sent; `nil` where some are.
    private func withoutBytes(_ digest: Digest, size: Int64, _ request: RequestHead) -> Response? {
        let tag = EntityTag(digest)
        if tag.matches(request.fields.ifNoneMatch) { return Response(304, Self.fields(digest, tag)) }
        if request.method == .head {
            var response = Response(200, Self.fields(digest, tag))
            response.length = size
            return response
        }
        guard range(tag, size, request) == .unsatisfiable else { return nil }
        return Response(
            416,
            .sizeInvalid,
            "the range is outside of the blob's \(size) bytes",
            [("Content-Range", "bytes */\(size)"), ("Accept-Ranges", "bytes")]
        )
    }

    private func range(_ tag: EntityTag, _ size: Int64, _ request: RequestHead) -> RangeRequest {
        RangeRequest(tag.allowsRange(request.fields.ifRange) ? request.fields.range : nil, size: size)
    }

    private static func fields(_ digest: Digest, _ tag: EntityTag) -> [(name: StaticString, value: String)] {
        [
            ("Content-Type", "application/octet-stream"),
            ("Docker-Content-Digest", digest.description),
            ("ETag", tag.description),
            ("Accept-Ranges", "bytes"),
            ("Cache-Control", Response.immutable),
            ("X-Content-Type-Options", "nosniff"),
        ]
    }
}
