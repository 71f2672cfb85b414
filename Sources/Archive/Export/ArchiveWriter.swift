import CLinux
import Cache
import Glibc
import NIOCore
import OCI

/// Writes one archive, front to back, hashing the blobs as they pass.
///
/// Holds two pieces of a blob at a time. While one is hashed, it is written and the next one is read.
struct ArchiveWriter {
    /// How much of a blob is read at a time, in bytes.
    private static let pieceSize = 512 << 10
    /// Smaller things are gathered to be written together, in bytes.
    private static let gatheredSize = 256 << 10
    /// How many bytes are written before the system is asked to begin writing them out.
    private static let writebackStep: Int64 = 8 << 20

    let cache: ContentCache
    let output: OpenFile
    let path: String
    let onProgress: @Sendable (Int64) -> Void
    /// Ends a write into a pipe that nobody reads from.
    let interruption = Interruption()

    private var gathered = ByteBuffer()
    private var written: Int64 = 0
    private var started: Int64 = 0

    init(cache: ContentCache, output: OpenFile, path: String, onProgress: @escaping @Sendable (Int64) -> Void) {
        self.cache = cache
        self.output = output
        self.path = path
        self.onProgress = onProgress
    }

    /// - Throws: ``CacheError``: what is wrong with the output, or `corrupt` or `missing` for a blob; a damaged one has
    ///   been put aside. `CancellationError`, also while a pipe's reader stands still.
    @concurrent
    mutating func write(_ volume: ArchiveVolume) async throws {
        let interruption = interruption
        do {
            try await withTaskCancellationHandler {
                try await writeMembers(of: volume)
            } onCancel: {
                interruption.raise()
            }
        } catch let error as CacheError where error.code == ECANCELED {
            throw CancellationError()
        }
    }

    private mutating func writeMembers(of volume: ArchiveVolume) async throws {
        // Small blobs are read and hashed many at a time: going to another thread for each would take longer than that.
        var waiting: [ArchiveDocument.Blob] = []
        var bytes: Int64 = 0
        try await volume.forEachMember { member in
            try Task.checkCancellation()
            if case .blob(let blob) = member, blob.size < Self.gatheredSize {
                waiting.append(blob)
                bytes += blob.size + 2 * TarHeader.blockSize
                guard bytes >= Self.gatheredSize else { return }
            }
            try await gather(&waiting, &bytes)
            if case .blob(let blob) = member, blob.size < Self.gatheredSize { return }
            try await write(member)
        }
        try await gather(&waiting, &bytes)
        gathered.writeRepeatingByte(0, count: Int(TarHeader.endSize))
        try await flush()
    }

    private mutating func write(_ member: ArchiveVolume.Member) async throws {
        gathered.writeImmutableBuffer(member.header.bytes)
        switch member {
        case .directory: break
        case .text(_, let text, _): try await write(text)
        case .blob(let blob):
            let digest = try await copy(blob, 0..<blob.size, algorithm: blob.digest.algorithm)
            guard digest == blob.digest else { throw damaged(blob) }
        case .part(let part):
            let range = part.offset..<part.offset + part.length
            let digest = try await copy(part.blob, range, algorithm: part.digest.algorithm)
            guard digest == part.digest else { throw damaged(part.blob) }
        }
        gathered.writeRepeatingByte(0, count: Int(TarHeader.padding(after: member.header.size)))
        if gathered.readableBytes >= Self.gatheredSize { try await flush() }
    }

    private mutating func write(_ text: any ArchiveText) async throws {
        try await flush()
        let count = try await blocking(on: .streams) { [output, path, interruption] in
            var count = 0
            try text.forEachPiece { piece throws(CacheError) in
                count += piece.readableBytes
                try Self.append(piece, to: output, path: path, unless: interruption)
            }
            return count
        }
        advance(by: count)
    }

    /// Reads small blobs whole, behind what is gathered already, and writes that when it is enough.
    private mutating func gather(_ blobs: inout [ArchiveDocument.Blob], _ bytes: inout Int64) async throws {
        guard !blobs.isEmpty else { return }
        let gathering = SmallBlobs(cache: cache, blobs: blobs)
        (blobs, bytes) = ([], 0)
        let before = gathered
        gathered = ByteBuffer()
        gathered = try await blocking(on: .hashing) { try gathering.appended(to: before) }
        onProgress(gathering.blobs.reduce(0) { $0 + $1.size })
        if gathered.readableBytes >= Self.gatheredSize { try await flush() }
    }

    /// Blobs that are read in one go.
    private struct SmallBlobs: Sendable {
        let cache: ContentCache
        let blobs: [ArchiveDocument.Blob]

        func appended(to buffer: ByteBuffer) throws -> ByteBuffer {
            var buffer = buffer
            for blob in blobs {
                guard let file = try cache.blobFile(blob.digest), file.size == blob.size else {
                    throw CacheError.incomplete([blob.digest])
                }
                let source = Source(file: file, end: blob.size)
                let header = TarHeader(name: "\(ArchiveEntryName.blob(blob.digest))", kind: .file, size: blob.size)
                buffer.writeImmutableBuffer(header.bytes)
                let piece = try source.piece(at: 0)
                guard Digest.of(piece, algorithm: blob.digest.algorithm) == blob.digest else {
                    cache.quarantineIfFree(file)
                    throw CacheError.damaged(blob.digest, in: cache)
                }
                buffer.writeImmutableBuffer(piece)
                buffer.writeRepeatingByte(0, count: Int(TarHeader.padding(after: blob.size)))
            }
            return buffer
        }
    }

    /// - Returns: the digest of what was copied.
    private mutating func copy(
        _ blob: ArchiveDocument.Blob,
        _ range: Range<Int64>,
        algorithm: Digest.Algorithm
    ) async throws -> Digest {
        guard let file = try cache.blobFile(blob.digest), file.size == blob.size else {
            throw CacheError.incomplete([blob.digest])
        }
        let source = Source(file: file, end: range.upperBound)
        var hasher = DigestHasher(algorithm)
        var next = try await blocking(on: .hashing) { try source.piece(at: range.lowerBound) }
        try await flush()
        var offset = range.lowerBound
        while next.readableBytes > 0 {
            try Task.checkCancellation()
            let piece = next
            offset += Int64(piece.readableBytes)
            async let hashed = Self.hash(piece, hasher)
            next = try await blocking(on: .streams) { [output, path, interruption, offset] in
                try Self.append(piece, to: output, path: path, unless: interruption)
                return try source.piece(at: offset)
            }
            hasher = await hashed
            advance(by: piece.readableBytes)
            onProgress(Int64(piece.readableBytes))
        }
        return hasher.finalize()
    }

    /// A blob's file, from which pieces are read.
    private struct Source: Sendable {
        let file: BlobFile
        let end: Int64

        /// - Returns: nothing at the end.
        func piece(at offset: Int64) throws(CacheError) -> ByteBuffer {
            guard offset < end else { return ByteBuffer() }
            let piece = try file.read(at: offset, atMost: Int(min(Int64(pieceSize), end - offset)))
            guard piece.readableBytes > 0 else {
                throw CacheError(SystemError(call: "pread", code: EIO), "read \(file.digest)", digest: file.digest)
            }
            return piece
        }
    }

    @concurrent
    private static func hash(_ piece: ByteBuffer, _ hasher: DigestHasher) async -> DigestHasher {
        var hasher = hasher
        hasher.update(piece)
        return hasher
    }

    private mutating func flush() async throws {
        guard gathered.readableBytes > 0 else { return }
        let buffer = gathered
        gathered.clear(minimumCapacity: Self.gatheredSize)
        try await blocking(on: .streams) { [output, path, interruption] in
            try Self.append(buffer, to: output, path: path, unless: interruption)
        }
        advance(by: buffer.readableBytes)
    }

    private static func append(
        _ buffer: ByteBuffer,
        to output: OpenFile,
        path: String,
        unless interruption: Interruption
    ) throws(CacheError) {
        do throws(SystemError) {
            try output.append(buffer, unless: interruption)
        } catch {
            throw CacheError(archive: error, path: path)
        }
    }

    /// Begins writing out what has been written, so that the sync at the end finds little to do.
    private mutating func advance(by count: Int) {
        written += Int64(count)
        guard written - started >= Self.writebackStep else { return }
        output.startWriteback(at: started, length: written - started)
        started = written
    }

    private func damaged(_ blob: ArchiveDocument.Blob) -> CacheError {
        if let file = try? cache.blobFile(blob.digest), file.size == blob.size { cache.quarantineIfFree(file) }
        return .damaged(blob.digest, in: cache)
    }
}

extension OpenFile {
    /// How long a full pipe is waited for before somebody may interrupt, in milliseconds.
    private static let patience: CInt = 200

    /// Writes all readable bytes where the last write ended; waits where a pipe is full.
    ///
    /// - Throws: ``SystemError``; `ECANCELED` where that is interrupted.
    func append(_ buffer: ByteBuffer, unless interruption: Interruption) throws(SystemError) {
        var rest = buffer
        while rest.readableBytes > 0 {
            do throws(SystemError) {
                let count = try SystemError.check("write") {
                    rest.withUnsafeReadableBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
                }
                rest.moveReaderIndex(forwardBy: count)
            } catch {
                guard error.code == EAGAIN else { throw error }
                guard !interruption.isRaised else { throw SystemError(call: "write", code: ECANCELED) }
                var wish = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = Glibc.poll(&wish, 1, Self.patience)
            }
        }
    }
}
