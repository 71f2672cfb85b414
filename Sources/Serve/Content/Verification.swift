import Cache
import NIOCore
import NIOPosix
import OCI
import Synchronization

/// The hash of one file, as far as anybody has come with it.
///
/// Everybody who reads the file takes it further on the way, and whoever needs to know goes on where it stands: a slow
/// reader holds nobody up, and no byte is hashed twice.
final class Verification: Sendable {
    private static let stepSize = 256 << 10

    private struct State {
        var hasher: DigestHasher
        var position: Int64 = 0
        var isRight: Bool?
    }

    let file: BlobFile
    private let state: Mutex<State>

    /// - Parameters:
    ///   - file: what is hashed.
    ///   - isRight: whether its bytes are right, where that is known already.
    init(_ file: BlobFile, isRight: Bool? = nil) {
        self.file = file
        state = Mutex(State(hasher: DigestHasher(file.digest.algorithm), isRight: isRight))
    }

    /// Whether its bytes are right, once that is known.
    var isRight: Bool? { state.withLock { $0.isRight } }

    /// Reads a part, hashing what of it follows the bytes that have been hashed; blocks.
    ///
    /// - Returns: none when the disk cannot give it back.
    /// - Throws: `CacheError`.
    func read(at offset: Int64, atMost count: Int) throws(CacheError) -> ByteBuffer {
        guard let piece = try file.readUnlessLost(at: offset, atMost: count) else { return ByteBuffer() }
        // While somebody else hashes there is nothing to add.
        state.withLockIfAvailable { Self.add(piece, at: offset, file, &$0) }
        return piece
    }

    /// Hashes the next bytes; blocks.
    ///
    /// - Returns: whether all of them are right; `nil` while some are left.
    /// - Throws: `CacheError`.
    func step() throws -> Bool? {
        try state.withLock { state in
            if let isRight = state.isRight { return isRight }
            let count = Int(min(Int64(Self.stepSize), max(1, file.size - state.position)))
            let piece = try file.readUnlessLost(at: state.position, atMost: count)
            if piece == nil || piece?.readableBytes == 0 && state.position < file.size { state.isRight = false }
            Self.add(piece ?? ByteBuffer(), at: state.position, file, &state)
            return state.isRight
        }
    }

    private static func add(_ piece: ByteBuffer, at offset: Int64, _ file: BlobFile, _ state: inout State) {
        guard state.isRight == nil, offset <= state.position else { return }
        var rest = piece
        rest.moveReaderIndex(forwardBy: min(rest.readableBytes, Int(clamping: state.position - offset)))
        state.hasher.update(rest)
        state.position += Int64(rest.readableBytes)
        if state.position >= file.size { state.isRight = state.hasher.finalize() == file.digest }
    }
}

/// A file that is hashed while it is sent; its end is held back until its bytes have turned out right.
struct UnverifiedBlob: BlobReader {
    /// What is kept back at least, in bytes.
    private static let heldBack: Int64 = 64 << 10

    let descriptor: Descriptor
    let verification: Verification
    let verified: VerifiedFiles
    /// Puts it aside when its bytes are wrong.
    let quarantine: @Sendable (BlobFile) async -> Void

    /// Whether a byte may be sent before all of them have turned out right.
    func isFree(_ offset: Int64) -> Bool { offset < verification.file.size - Self.heldBack }

    /// Reads and hashes a part that may be sent before that; blocks.
    func readFree(at offset: Int64, atMost count: Int) throws -> ByteBuffer {
        let free = verification.file.size - Self.heldBack - offset
        return try verification.read(at: offset, atMost: Int(min(Int64(count), free)))
    }

    func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
        let file = verification.file
        guard !isFree(offset) else {
            return try await verified.threads.hashing.runIfActive { try readFree(at: offset, atMost: count) }
        }
        guard try await verified.finish(verification) else {
            await quarantine(file)
            return ByteBuffer()
        }
        return try await verified.threads.reading.runIfActive { try file.read(at: offset, atMost: count) }
    }
}
