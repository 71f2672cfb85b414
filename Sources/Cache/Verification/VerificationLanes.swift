import CLinux
import Glibc
import NIOCore
import NIOPosix
import OCI
import Synchronization

/// Hashes files on threads of their own, which read only when nobody else wants the disk.
///
/// Each thread has one buffer and takes the next file when it is done with one, so nothing is handed over between
/// threads and nothing is allocated for a file.
final class VerificationLanes: Sendable {
    /// Large enough that the calls don't count, small enough to stay in the processor's cache.
    static let bufferSize = 256 << 10
    /// Results are handed on when so many have gathered, or so many bytes were hashed for them.
    static let batchSize = 1000
    static let batchBytes: Int64 = 4 << 30
    /// Files that cannot be read before the disk is taken for a failing one.
    static let unreadableLimit = 3

    /// What became of one file.
    enum Outcome: Sendable {
        case good
        case bad(VerificationReport.Fault)
        /// It was removed meanwhile.
        case gone
    }

    private struct State {
        var next = 0
        /// The right ones that nobody else has been told of, and the bytes hashed for them.
        var verified: [Digest] = []
        var bytes: Int64 = 0
        var unreadable = 0
        var isStopped = false
    }

    private let files: [StoredFile]
    private let deadline: ContinuousClock.Instant?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - files: in the order in which they are taken; with the largest first, all threads are done at about the same time.
    ///   - duration: no file is begun after it.
    init(_ files: [StoredFile], duration: Duration?) {
        self.files = files
        deadline = duration.map { .now + $0 }
    }

    /// How many files have been taken up.
    var begun: Int { state.withLock { $0.next } }
    var isFailing: Bool { state.withLock { $0.unreadable >= Self.unreadableLimit } }

    /// Hashes until all is done, the time is over, the disk fails or the task is cancelled.
    ///
    /// `judge` is told of each file, on the thread that hashed it; `record` is given the right ones in batches.
    func run(
        judge: @escaping @Sendable (StoredFile, Hashed?) throws -> Outcome,
        open: @escaping @Sendable (Digest) throws -> OpenFile?,
        record: @escaping @Sendable ([Digest]) throws -> Void
    ) async throws {
        let lanes = max(1, min(System.coreCount, files.count))
        let pool = NIOThreadPool(numberOfThreads: lanes)
        pool.start()
        let result: Result<Void, any Error>
        do {
            try await withTaskCancellationHandler {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<lanes {
                        group.addTask { try await pool.runIfActive { try self.lane(judge, open, record) } }
                    }
                    try await group.waitForAll()
                }
            } onCancel: {
                stop()
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await pool.shutdownGracefully()
        if let batch = takeBatch(always: true) { try await blocking { try record(batch) } }
        try result.get()
        try Task.checkCancellation()
    }

    private func stop() { state.withLock { $0.isStopped = true } }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    private func lane(
        _ judge: (StoredFile, Hashed?) throws -> Outcome,
        _ open: (Digest) throws -> OpenFile?,
        _ record: ([Digest]) throws -> Void
    ) throws {
        clinux_idle_io_priority()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.bufferSize, alignment: 4096)
        defer { buffer.deallocate() }
        do {
            while let position = take() {
                let stored = files[position]
                let hashed = try hash(stored, open, buffer)
                // Stopped in the middle of a file: it is not done.
                if hashed?.isCut == true { return }
                finish(position, try judge(stored, hashed), hashed?.length ?? 0)
                if let batch = takeBatch(always: false) { try record(batch) }
            }
        } catch {
            stop()
            throw error
        }
    }

    /// - Returns: `nil` when it was removed meanwhile.
    private func hash(
        _ stored: StoredFile,
        _ open: (Digest) throws -> OpenFile?,
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws -> Hashed? {
        do {
            return try open(stored.digest).map { try hash($0, stored.digest.algorithm, buffer) }
        } catch let error as SystemError {
            throw CacheError(error, "read \(stored.digest)", digest: stored.digest)
        }
    }

    private func take() -> Int? {
        state.withLock { state in
            guard !state.isStopped, state.next < files.count, deadline.map({ .now < $0 }) ?? true,
                state.unreadable < Self.unreadableLimit
            else { return nil }
            state.next += 1
            return state.next - 1
        }
    }

    private func finish(_ position: Int, _ outcome: Outcome, _ length: Int64) {
        state.withLock { state in
            switch outcome {
            case .good: state.verified.append(files[position].digest)
            case .bad(.unreadable): state.unreadable += 1
            case .bad, .gone: break
            }
            state.bytes += length
        }
    }

    private func takeBatch(always: Bool) -> [Digest]? {
        state.withLock { state in
            let isFull = state.verified.count >= Self.batchSize || state.bytes >= Self.batchBytes
            guard always || isFull, !state.verified.isEmpty else { return nil }
            defer {
                state.verified = []
                state.bytes = 0
            }
            return state.verified
        }
    }
}

extension VerificationLanes {
    /// What reading a file gave.
    struct Hashed: Sendable {
        let file: OpenFile
        let length: Int64
        /// `nil` where the system could not read it to its end.
        let digest: Digest?
        /// The work was stopped before the file's end.
        var isCut = false
    }

    private func hash(
        _ file: OpenFile,
        _ algorithm: Digest.Algorithm,
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws -> Hashed {
        var hasher = DigestHasher(algorithm)
        var offset: Int64 = 0
        _ = posix_fadvise(file.descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
        while true {
            // Looked at rarely enough to cost nothing, and often enough to stop at once.
            if offset & 0x3FF_FFFF == 0, isStopped {
                return Hashed(file: file, length: offset, digest: nil, isCut: true)
            }
            do throws(SystemError) {
                let count = try file.read(into: buffer, at: offset)
                if count == 0 { break }
                hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                offset += Int64(count)
            } catch {
                guard error.isOfFailingDisk else { throw error }
                return Hashed(file: file, length: offset, digest: nil)
            }
        }
        return Hashed(file: file, length: offset, digest: hasher.finalize())
    }
}
