import Synchronization

/// Whether a host takes a small blob with the request that would else open an upload: what the first one has shown.
///
/// OCI distribution-spec 1.1.1, end-4b. Nothing is lost where it does not: it opens an upload, which is used as usual.
final class WholeUploads: Sendable {
    /// The largest blob that is sent so, in bytes.
    static let maximumSize: Int64 = 256 << 10
    /// The largest that is sent to find out: who does not want it may have to read it nevertheless.
    static let trialSize: Int64 = 64 << 10

    private enum State {
        case unknown
        case asking
        case taken
        case refused
    }

    private let state = Mutex(State.unknown)

    /// Whether a blob is to be sent so.
    ///
    /// Of several at a time only the first finds out; ``learn(areTaken:)`` is told then.
    func begins(size: Int64) -> Bool {
        guard size > 0, size <= Self.maximumSize else { return false }
        return state.withLock { state in
            if state == .unknown, size <= Self.trialSize {
                state = .asking
                return true
            }
            return state == .taken
        }
    }

    /// A blob that was sent so has not arrived, and nothing was said of why; of who has taken others that means nothing.
    ///
    /// - Returns: whether it is given up.
    func broke() -> Bool {
        state.withLock { state in
            guard state == .asking else { return false }
            state = .refused
            return true
        }
    }

    /// - Parameter areTaken: `nil` when that has not turned out.
    /// - Returns: whether that is news.
    @discardableResult
    func learn(areTaken: Bool?) -> Bool {
        state.withLock { state in
            switch (state, areTaken) {
            case (.asking, nil): state = .unknown
            case (.refused, _), (.taken, true), (_, nil): return false
            case (_, true?): state = .taken
            case (_, false?): state = .refused
            }
            return true
        }
    }
}
