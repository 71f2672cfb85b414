import Glibc
package import NIOCore
package import OCI
import Synchronization

/// A blob of the cache, perhaps while it is still being downloaded.
///
/// Bytes that this process did not verify as they arrived are hashed as they are read from the beginning; when they
/// turn out wrong the last piece is withheld.
package final class CachedBlob: BlobReader {
    /// Where its bytes came from when it was asked for.
    package enum Provenance: Sendable {
        /// It was there.
        case cached
        /// Asking for it began the download.
        case downloading
        /// Somebody else's download was under way.
        case joined
    }

    /// The bytes at a blob's end that are held back until it is verified and committed.
    static let heldBack: Int64 = 64 << 10
    /// A waiting reader is woken when this many bytes are there, or as many as it asks for; by a slow source sooner.
    static let wakeStep: Int64 = 256 << 10

    private struct Progress {
        var generation: Int?
        var hasher: DigestHasher?
        var position: Int64 = 0
    }

    package let descriptor: Descriptor
    package let provenance: Provenance
    private let state: DownloadState
    /// Of the source that it was asked of.
    private let place: String?
    private let demand: Demand?
    /// Whether it is read for a client, who needs no more than the right bytes, also when the cache cannot keep them.
    private let isForClient: Bool
    /// Gets the file, and the error where the system could not read it; says whether it could put it aside.
    private let onCorruption: @Sendable (OpenFile, CacheError?) async -> Bool
    private let progress = Mutex(Progress())

    init(
        _ descriptor: Descriptor,
        _ provenance: Provenance,
        _ state: DownloadState,
        _ place: String? = nil,
        _ demand: Demand? = nil,
        isForClient: Bool = false,
        onCorruption: @escaping @Sendable (OpenFile, CacheError?) async -> Bool
    ) {
        self.descriptor = descriptor
        self.provenance = provenance
        self.state = state
        self.place = place
        self.demand = demand
        self.isForClient = isForClient
        self.onCorruption = onCorruption
        demand?.readerCame()
    }

    deinit { demand?.readerLeft() }

    /// How many of its bytes are on the disk, for progress; the last ones can be there before they may be read.
    package var arrived: Int64 { state.view.arrived }

    /// How many bytes its download has asked of the source until now; the rest was there from an earlier attempt.
    package var fetched: Int64 { state.fetched }

    /// The file behind it once it is committed.
    var committedOpenFile: OpenFile? {
        let view = state.view
        if case .committed = view.phase { return view.file }
        return nil
    }

    /// Waits until it is complete, verified, committed and recorded.
    ///
    /// - Throws: what ended the download; `CancellationError`.
    package func whenCommitted() async throws {
        while true {
            let view = state.view
            switch view.phase {
            case .committed: return
            case .failed(let failure): throw failure.error(of: place)
            case .unkept(let error): throw error
            case .arriving: try await state.wait(for: .max, generation: view.generation)
            }
        }
    }

    /// Waits until its source has answered, so that somebody can be told whether it comes at all; what had arrived in an
    /// earlier attempt does not say so.
    ///
    /// - Throws: what ended the download; `CancellationError`.
    package func whenAnswered() async throws {
        try await state.waitForAnswer()
        if case .failed(let failure) = state.view.phase { throw failure.error(of: place) }
    }

    /// The next bytes at an offset, waiting for them where they have not arrived yet.
    ///
    /// - Returns: 1 to `count` bytes; none exactly at the blob's end, and that only when it is verified.
    /// - Throws: what ended the download; ``CacheError`` (`restarted`: begin again at 0; `corrupt`); `CancellationError`.
    package func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
        precondition((0...descriptor.size).contains(offset) && count > 0, "reading outside of a blob")
        while true {
            let view = state.view
            switch view.phase {
            case .failed(let failure): throw failure.error(of: place)
            case .unkept(let error): if !isForClient { throw error }
            case .arriving, .committed: break
            }
            try checkGeneration(view, offset)
            let end = readableEnd(view)
            if view.isWhole, offset == descriptor.size { return ByteBuffer() }
            if offset < end, let file = view.file,
                let buffer = try await readFile(file, offset, min(count, Int(end - offset)), view)
            {
                return buffer
            }
            let wish = min(offset + min(Int64(count), Self.wakeStep), descriptor.size - Self.heldBack)
            let canCome = wish > max(offset, view.arrived)
            try await state.wait(
                for: canCome ? wish : .max,
                some: canCome ? offset : .max,
                generation: view.generation
            )
        }
    }

    private func readableEnd(_ view: DownloadState.View) -> Int64 {
        if view.isWhole { return descriptor.size }
        return min(view.arrived, descriptor.size - Self.heldBack)
    }

    private func checkGeneration(_ view: DownloadState.View, _ offset: Int64) throws {
        try progress.withLock { progress in
            if offset == 0 || progress.generation == nil { progress.generation = view.generation }
            guard progress.generation == view.generation else { throw restarted }
        }
    }

    /// - Returns: `nil` when the download began again meanwhile.
    private func readFile(
        _ file: OpenFile,
        _ offset: Int64,
        _ count: Int,
        _ view: DownloadState.View
    ) async throws -> ByteBuffer? {
        let buffer: ByteBuffer
        do throws(SystemError) {
            buffer = try file.read(at: offset, atMost: count)
        } catch {
            let failure = CacheError(error, "read \(descriptor.digest)", digest: descriptor.digest)
            guard error.isOfFailingDisk, case .committed = view.phase, !view.isForeign else { throw failure }
            throw await corruption(of: file, isForeign: false, failure)
        }
        guard state.view.generation == view.generation else { return nil }
        if buffer.readableBytes == 0 {
            // A file of another process can shrink before its poll says so.
            guard view.isWhole else { return nil }
            throw await corruption(of: file, isForeign: view.isForeign)
        }
        if provenance == .cached || view.isForeign { try await verify(buffer, offset, file, view) }
        return buffer
    }

    private func verify(
        _ buffer: ByteBuffer,
        _ offset: Int64,
        _ file: OpenFile,
        _ view: DownloadState.View
    ) async throws {
        let digest: Digest? = progress.withLock { progress in
            if offset == 0 {
                progress.hasher = DigestHasher(descriptor.digest.algorithm)
                progress.position = 0
            } else if offset != progress.position {
                progress.hasher = nil
            }
            progress.hasher?.update(buffer)
            progress.position = offset + Int64(buffer.readableBytes)
            return progress.position == descriptor.size ? progress.hasher?.finalize() : nil
        }
        if let digest, digest != descriptor.digest { throw await corruption(of: file, isForeign: view.isForeign) }
    }

    private func corruption(
        of file: OpenFile,
        isForeign: Bool,
        _ failure: CacheError? = nil
    ) async -> CacheError {
        guard !isForeign else { return restarted }
        let isAside = await onCorruption(file, failure)
        return CacheError(
            .corrupt,
            "read \(descriptor.digest)",
            digest: descriptor.digest,
            "the cache's copy \(failure == nil ? "holds other bytes" : "cannot be read"); "
                + (isAside
                    ? "it has been put aside and will be downloaded again by the next run"
                    : "it could not be put aside: run 'imglife cache verify --repair'"),
            cause: failure
        )
    }

    private var restarted: CacheError {
        CacheError(
            .restarted,
            "go on reading \(descriptor.digest)",
            digest: descriptor.digest,
            "its download began again because wrong bytes had arrived; read it from the beginning"
        )
    }
}
