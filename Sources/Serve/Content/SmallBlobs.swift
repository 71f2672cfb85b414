import Cache
import NIOCore
import OCI
import Synchronization

/// The bytes of small blobs as they were read, so that their files need not be opened for each answer.
///
/// The file stays the truth: they are right only as long as the file that has the blob's name is the one that they were read
/// from, which is looked at for each answer. Bounded in bytes.
final class SmallBlobs: Sendable {
    /// Larger ones are not kept, in bytes.
    static let largest: Int64 = 32 << 10
    /// What one takes beside its bytes, about.
    private static let overhead = 256

    /// A whole blob.
    struct Kept {
        /// What its bytes were read from.
        let file: FileStatus.Version
        fileprivate let bytes: ByteBuffer

        func part(_ range: Range<Int64>) -> ByteBuffer {
            bytes.getSlice(at: bytes.readerIndex + Int(range.lowerBound), length: range.count) ?? ByteBuffer()
        }
    }

    /// Two generations, so that forgetting costs nothing: the older one goes as a whole.
    private struct State {
        var recent: [Digest: Kept] = [:]
        var older: [Digest: Kept] = [:]
        /// What the recent ones take.
        var size = 0
    }

    /// The memory that all may take together, in bytes.
    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int = 16 << 20) {
        self.limit = limit
    }

    /// The memory that they take, in bytes.
    var size: Int {
        state.withLock { state in state.size + state.older.values.reduce(0) { $0 + Self.size($1) } }
    }

    /// A blob for whoever then looks whether it is still in the same file.
    subscript(digest: Digest) -> Kept? {
        state.withLock { state in
            if let kept = state.recent[digest] { return kept }
            guard let kept = state.older.removeValue(forKey: digest) else { return nil }
            keep(kept, digest, &state)
            return kept
        }
    }

    /// Keeps all bytes of a file, which are known to be right, in the place of those of another file of that name.
    func keep(_ bytes: ByteBuffer, of file: BlobFile) -> Kept {
        let kept = Kept(file: file.version, bytes: bytes)
        state.withLock { state in
            state.older[file.digest] = nil
            keep(kept, file.digest, &state)
        }
        return kept
    }

    private func keep(_ kept: Kept, _ digest: Digest, _ state: inout State) {
        if let former = state.recent.removeValue(forKey: digest) { state.size -= Self.size(former) }
        if state.size + Self.size(kept) > limit / 2 {
            state.older = state.recent
            state.recent = [:]
            state.size = 0
        }
        state.recent[digest] = kept
        state.size += Self.size(kept)
    }

    private static func size(_ kept: Kept) -> Int { kept.bytes.storageCapacity + overhead }
}
