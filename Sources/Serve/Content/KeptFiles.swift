import Cache
import OCI
import Synchronization

/// What small files hold, as it was read, so that they need not be opened for each answer.
///
/// The file stays the truth: a value is right only as long as the file that has the digest's name is the one that it was read
/// from, which is looked at for each answer. Bounded in bytes.
final class KeptFiles<Value: Sendable>: Sendable {
    /// What was read, and from which file.
    struct Kept {
        let file: FileStatus.Version
        let value: Value
        /// The memory that it takes, in bytes, about.
        fileprivate let size: Int
    }

    /// Two generations, so that forgetting costs nothing: the older one goes as a whole.
    private struct State {
        var recent: [Digest: Kept] = [:]
        var older: [Digest: Kept] = [:]
        /// What the recent ones take.
        var size = 0
    }

    /// What one takes beside its bytes, about.
    private let overhead = 256
    /// The memory that all may take together, in bytes.
    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// The memory that they take, in bytes.
    var size: Int {
        state.withLock { state in state.size + state.older.values.reduce(0) { $0 + $1.size } }
    }

    /// What a file holds, for whoever then looks whether the digest still names it.
    subscript(digest: Digest) -> Kept? {
        state.withLock { state in
            if let kept = state.recent[digest] { return kept }
            guard let kept = state.older.removeValue(forKey: digest) else { return nil }
            keep(kept, digest, &state)
            return kept
        }
    }

    /// Keeps what a file holds, which is known to be right, in the place of what another file of that name held.
    ///
    /// - Parameters:
    ///   - value: what was read.
    ///   - count: the bytes that it takes.
    ///   - digest: the file's name.
    ///   - file: what it was read from.
    /// - Returns: what is kept.
    @discardableResult
    func keep(_ value: Value, _ count: Int, of digest: Digest, in file: FileStatus.Version) -> Kept {
        let kept = Kept(file: file, value: value, size: count + overhead)
        state.withLock { state in
            state.older[digest] = nil
            keep(kept, digest, &state)
        }
        return kept
    }

    private func keep(_ kept: Kept, _ digest: Digest, _ state: inout State) {
        if let former = state.recent.removeValue(forKey: digest) { state.size -= former.size }
        if state.size + kept.size > limit / 2 {
            state.older = state.recent
            state.recent = [:]
            state.size = 0
        }
        state.recent[digest] = kept
        state.size += kept.size
    }
}
