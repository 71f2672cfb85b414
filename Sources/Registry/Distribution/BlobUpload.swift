import Logging
import NIOCore
import NIOHTTP1
import OCI

/// One blob on its way to a registry.
///
/// OCI distribution-spec 1.1.1, end-4a, end-5, end-6: one PUT with everything. After an interruption it goes on where
/// the registry says it is, or starts over in a new session; registries that refuse large requests get chunks.
struct BlobUpload {
    /// Chunk sizes to try, in bytes, when a whole blob is refused as too large.
    private static let chunkSizes: [Int64] = [16 << 20, 4 << 20, 1 << 20]
    private static let progress = Int64(1 << 20)
    private static let maximumResumes = 100

    private let blob: any BlobReader
    private let repository: Repository
    private let context: CallContext
    private var session: UploadSession?
    /// How many bytes of the session the registry holds.
    private var offset: Int64 = 0
    /// `nil` while the blob is sent in one request.
    private var chunkSize: Int64?
    private var sent: Int64 = 0
    /// Whether the last request of the session is on its way: the registry may have the blob though no answer came.
    private var isFinishing = false
    /// Whether the registry has called the bytes wrong once; they have been checked since.
    private var isChecked = false

    init(blob: any BlobReader, session: UploadSession?, repository: Repository) {
        self.blob = blob
        self.session = session
        self.repository = repository
        context = CallContext(action: .storeBlob, location: repository.location)
    }

    private var size: Int64 { blob.descriptor.size }

    /// - Returns: how many bytes were sent.
    mutating func run() async throws -> Int64 {
        var count = Retrier.Count()
        var resumes = 0
        while true {
            let start = offset
            do {
                try await attempt()
                return sent
            } catch let failure as ReaderFailure {
                await abort()
                throw failure.error
            } catch {
                resumes += 1
                guard resumes <= Self.maximumResumes else { throw error }
                if try await recover(from: error, start: start, &count) { return sent }
            }
        }
    }

    private mutating func attempt() async throws {
        isFinishing = false
        let session = try await opened()
        if let chunkSize {
            try await sendChunks(session, size: max(chunkSize, session.minimumChunk))
        } else if offset > 0 {
            try await sendChunks(session, size: max(1, size - offset))
        } else {
            try await finish(session, from: 0)
        }
    }

    private mutating func opened() async throws -> UploadSession {
        if let session { return session }
        offset = 0
        let call = repository.call(.storeBlob, .POST, "blobs/uploads/")
        let answer = try await repository.connection.attempt(call, accepting: [202])
        let session = try repository.session(answer, context)
        self.session = session
        return session
    }

    private mutating func sendChunks(_ session: UploadSession, size chunk: Int64) async throws {
        var session = session
        while offset < size {
            let end = offset + min(chunk, size - offset)
            var call = call(.PATCH, session.address, sending: offset..<end)
            call.headers.add(name: "Content-Range", value: "\(offset)-\(end - 1)")
            let answer = try await perform(call, accepting: [200, 201, 202, 204])
            session = try repository.session(answer, context, minimumChunk: session.minimumChunk)
            self.session = session
            if let held = answer.header("Range").flatMap({ UploadRange.count($0) }), held != end, end > 1 {
                throw context.error(.uploadLost, "the registry holds \(held) bytes instead of \(end)")
            }
            offset = end
        }
        try await finish(session, from: size)
    }

    /// The last request: whatever has not been sent, and the digest.
    private mutating func finish(_ session: UploadSession, from start: Int64) async throws {
        isFinishing = true
        let digest = blob.descriptor.digest
        let address = session.address.adding("digest", digest.description)
        let answer = try await perform(call(.PUT, address, sending: start..<size), accepting: [200, 201, 204])
        self.session = nil
        repository.warn(ifUnusual: answer)
        try repository.check(answer, against: digest, context)
    }

    private func call(_ method: HTTPMethod, _ address: HTTPURL, sending range: Range<Int64>) -> Call {
        var call = repository.call(.storeBlob, method, "")
        call.target = .address(address)
        call.headers = ["Content-Type": "application/octet-stream"]
        call.body = range.isEmpty ? .bytes(ByteBuffer()) : .blob(blob, range)
        return call
    }

    private mutating func perform(_ call: Call, accepting accepted: Set<Int>) async throws -> Answer {
        if case .blob(_, let range) = call.body { sent += Int64(range.count) }
        do {
            return try await repository.connection.attempt(call, accepting: accepted)
        } catch var error as RegistryError where error.kind == .notFound || error.status == 416 {
            // After a 416 the session may be there, only further or less far than was thought.
            error.kind = .uploadLost
            throw error
        }
    }
}

extension BlobUpload {
    /// Prepares the next try: smaller pieces, the rest of what the registry lacks, or all over again.
    ///
    /// - Returns: whether the registry turns out to hold the blob, so that there is to be no next try.
    /// - Throws: the error, when there is to be no next try either, or what the reader throws.
    private mutating func recover(
        from error: any Error,
        start: Int64,
        _ count: inout Retrier.Count
    ) async throws -> Bool {
        let failure = error as? RegistryError
        if failure?.kind == .tooLarge, let smaller = smallerChunk() {
            await abort()
            chunkSize = smaller
            return false
        }
        if failure?.code == .digestInvalid, failure?.status == 400, !isChecked {
            isChecked = true
            await abort()
            try await blob.check()
            return false
        }
        do {
            try await repository.connection.retrier.wait(after: error, context, &count)
        } catch let final {
            if !(final is CancellationError) { await abort() }
            throw final
        }
        return try await resync(failure, start: start, &count)
    }

    /// Finds out what the registry holds: part of the session, the blob, or nothing.
    private mutating func resync(
        _ failure: RegistryError?,
        start: Int64,
        _ count: inout Retrier.Count
    ) async throws -> Bool {
        let isLost = failure?.kind == .uploadLost && failure?.status != 416
        if let session, !isLost, let (address, held) = await status(of: session), held > 0, held <= size {
            if held - start >= Self.progress { count.reset() }
            self.session = UploadSession(address: address, minimumChunk: session.minimumChunk)
            offset = held
            return false
        }
        if isFinishing, failure?.kind != .digestMismatch, (try? await repository.contains(blob.descriptor)) == true {
            session = nil
            return true
        }
        await abort()
        return false
    }

    private func smallerChunk() -> Int64? {
        let current = chunkSize ?? size
        return Self.chunkSizes.first { $0 < current }
    }

    /// How much of a session the registry holds, and where it goes on.
    private func status(of session: UploadSession) async -> (HTTPURL, Int64)? {
        var call = repository.call(.storeBlob, .GET, "")
        call.target = .address(session.address)
        guard let answer = try? await repository.connection.attempt(call, accepting: [200, 202, 204]),
            let held = answer.header("Range").flatMap({ UploadRange.count($0) })
        else { return nil }
        let address = answer.header("Location").flatMap { answer.address.resolving($0) } ?? session.address
        return (address, held)
    }

    /// Gives a session up; whether the registry cares is its business.
    private mutating func abort() async {
        guard let session else { return }
        self.session = nil
        offset = 0
        var call = repository.call(.storeBlob, .DELETE, "")
        call.target = .address(session.address)
        _ = try? await repository.connection.attempt(call, accepting: [200, 202, 204])
    }
}

extension BlobReader {
    /// Reads all bytes again and compares them with the digest.
    ///
    /// - Throws: what the reader throws, as it is; ``DocumentError`` when it gives other bytes.
    @concurrent
    fileprivate func check() async throws {
        var hasher = DigestHasher(descriptor.digest.algorithm)
        var offset: Int64 = 0
        while offset < descriptor.size {
            let piece = try await read(at: offset, atMost: Int(min(1 << 20, descriptor.size - offset)))
            guard piece.readableBytes > 0 else { break }
            hasher.update(piece)
            offset += Int64(piece.readableBytes)
        }
        let digest = hasher.finalize()
        guard digest == descriptor.digest else {
            throw DocumentError(.digestMismatch, "expected \(descriptor.digest), but the bytes are \(digest)")
        }
    }
}
