import Synchronization

/// Values that are kept as long as there is room for them, the least recently used going first.
///
/// Bounded in bytes. Two generations: when the recent one takes half of the room it becomes the older one, which goes as
/// a whole; what is looked at comes back into the recent one. So nothing is ever searched or sorted.
final class Memory<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct State {
        var recent: [Key: (value: Value, bytes: Int)] = [:]
        var older: [Key: (value: Value, bytes: Int)] = [:]
        var recentBytes = 0
        var olderBytes = 0
    }

    /// What an entry takes beside its value, about.
    static var overhead: Int { 256 }

    private let capacity: Int
    private let state = Mutex(State())

    /// - Parameter capacity: in bytes.
    init(capacity: Int) {
        self.capacity = capacity
    }

    subscript(key: Key) -> Value? {
        state.withLock { state in
            if let entry = state.recent[key] { return entry.value }
            guard let entry = state.older.removeValue(forKey: key) else { return nil }
            state.olderBytes -= entry.bytes
            insert(entry.value, key, entry.bytes, &state)
            return entry.value
        }
    }

    /// Keeps a value that takes that many bytes; one that takes a quarter of the room is not kept.
    ///
    /// - Returns: whether it is kept.
    @discardableResult
    func keep(_ value: Value, of key: Key, bytes: Int) -> Bool {
        let bytes = bytes + Self.overhead
        return state.withLock { state in
            if let former = state.recent.removeValue(forKey: key) { state.recentBytes -= former.bytes }
            if let former = state.older.removeValue(forKey: key) { state.olderBytes -= former.bytes }
            guard bytes <= capacity / 4 else { return false }
            insert(value, key, bytes, &state)
            return true
        }
    }

    private func insert(_ value: Value, _ key: Key, _ bytes: Int, _ state: inout State) {
        if state.recentBytes + bytes > capacity / 2 {
            state.older = state.recent
            state.olderBytes = state.recentBytes
            state.recent = [:]
            state.recentBytes = 0
        }
        state.recent[key] = (value, bytes)
        state.recentBytes += bytes
    }

    /// What is kept takes so many bytes.
    var bytes: Int { state.withLock { $0.recentBytes + $0.olderBytes } }
}
