import Synchronization

/// Counts log lines that say the same of different things: whoever watches a run needs the first few of them.
final class LikeLines: Sendable {
    /// What becomes of a line.
    enum Verdict: Hashable {
        case shown
        /// The first of those that are left out; a word about them stands in its place.
        case replaced
        case leftOut
    }

    /// So many of a kind are shown.
    private static let shownLines = 4

    private let counts = Mutex<[String: Int]>([:])

    /// Counts one more line with this message.
    func verdict(_ message: String) -> Verdict {
        let count = counts.withLock { counts in
            counts[message, default: 0] += 1
            return counts[message, default: 0]
        }
        return count <= Self.shownLines ? .shown : count == Self.shownLines + 1 ? .replaced : .leftOut
    }
}
