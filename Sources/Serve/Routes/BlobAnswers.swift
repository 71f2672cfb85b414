import Cache
import NIOCore
import OCI

/// Answers requests for blobs.
struct BlobAnswers: Sendable {
    let content: any ServedContent
    let hosts: KnownHosts
    let verified: VerifiedFiles
    let metrics: ServeMetrics

    /// Files up to this many bytes are hashed where they are asked for when they are in memory.
    private static let smallSize: Int64 = 32 << 10
    /// Larger files are hashed while they are sent; up to this they are hashed before.
    private static let hashedBeforeSize: Int64 = 4 << 20

    /// The answer for a blob that is in the cache and known to be right.
    ///
    /// - Returns: `nil` when ``blob(_:of:_:_:)`` has to be asked.
    func atHand(_ request: RequestHead, _ target: RequestTarget, _ name: [String], _ digest: String) -> Response? {
        guard let digest = try? Digest(digest),
            let address = try? hosts.address(name, namespace: target["ns"]),
            let file = try? content.blobAtHand(digest, of: address.repository)
        else { return nil }
        guard var response = answerAtOnce(file, request) else { return nil }
        metrics.count(.blobHit)
        if let namespace = address.namespace { response.fields.append(("OCI-Namespace", namespace)) }
        return response
    }

    private func answerAtOnce(_ file: BlobFile, _ request: RequestHead) -> Response? {
        if request.method == .head { return head(file.digest, size: file.size, request) }
        let isVerified = verified.contains(file)
        if !isVerified, file.size <= Self.smallSize {
            var bytes = ByteBuffer()
            guard file.readResident(at: 0, atMost: Int(file.size), into: &bytes) == file.size,
                Digest.of(bytes, algorithm: file.digest.algorithm) == file.digest
            else { return nil }
            verified.insert(file)
        } else if !isVerified {
            return nil
        }
        return body(file.digest, size: file.size, request) { range in .file(file, range) }
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
            let isHead = request.method == .head
            let found = try await content.blob(digest, of: address.repository, isHead: isHead, client: client)
            guard let found else { return Self.blobUnknown(digest) }
            if request.method == .head { return head(digest, size: found.size, request) }
            switch found {
            case .stored(let file):
                metrics.count(.blobHit)
                if let response = try await stored(file, request) { return response }
                await content.quarantine(file)
            case .arriving(let blob):
                metrics.count(.blobMiss)
                return body(digest, size: blob.descriptor.size, request) { range in .arriving(blob, range) }
            case .known:
                throw ServeError(.upstreamFailed, "the content of \(digest) could not be read")
            }
        }
        return Self.blobUnknown(digest)
    }

    /// - Returns: `nil` when its bytes turned out wrong.
    private func stored(_ file: BlobFile, _ request: RequestHead) async throws -> Response? {
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
        let tag = EntityTag(digest)
        var fields = Self.fields(digest, tag)
        if tag.matches(request.fields.ifNoneMatch) { return Response(304, fields) }
        let range = tag.allowsRange(request.fields.ifRange) ? request.fields.range : nil
        switch RangeRequest(range, size: size) {
        case .whole: return Response(200, fields, body: body(0..<size))
        case .part(let part):
            fields.append(("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)"))
            return Response(206, fields, body: body(part))
        case .unsatisfiable:
            return Response(
                416,
                .sizeInvalid,
                "the range is outside of the blob's \(size) bytes",
                [("Content-Range", "bytes */\(size)"), ("Accept-Ranges", "bytes")]
            )
        }
    }

    private func head(_ digest: Digest, size: Int64, _ request: RequestHead) -> Response {
        let tag = EntityTag(digest)
        if tag.matches(request.fields.ifNoneMatch) { return Response(304, Self.fields(digest, tag)) }
        var response = Response(200, Self.fields(digest, tag))
        response.length = size
        return response
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

    private static func blobUnknown(_ digest: Digest) -> Response {
        Response(404, .blobUnknown, "there is no blob \(digest) here")
    }
}
