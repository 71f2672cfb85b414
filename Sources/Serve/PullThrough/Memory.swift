import Synchronization

/// What has been learnt of some keys and holds for a while.
///
/// Bounded: when it is full, what has expired goes first, and everything if that is not enough.
final class Memory<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry {
        let value: Value
        let until: Duration
    }

    private let capacity: Int
    private let time: MonotonicTime
    private let entries = Mutex<[Key: Entry]>([:])

    init(capacity: Int, time: MonotonicTime) {
        self.capacity = capacity
        self.time = time
    }

    /// - Returns: `nil` for what is not known any more.
    subscript(key: Key) -> Value? {
        let now = time.now()
        return entries.withLock { entries in
            guard let entry = entries[key] else { return nil }
            guard entry.until > now else {
                entries[key] = nil
                return nil
            }
            return entry.value
        }
    }

    func remember(_ value: Value, of key: Key, for duration: Duration) {
        let now = time.now()
        entries.withLock { entries in
            if entries.count >= capacity, entries[key] == nil {
                entries = entries.filter { $0.value.until > now }
                if entries.count >= capacity { entries.removeAll() }
            }
            entries[key] = Entry(value: value, until: now + duration)
        }
    }

    func forget(_ key: Key) {
        entries.withLock { $0[key] = nil }
    }

    /// How many are kept, expired ones included.
    var count: Int { entries.withLock { $0.count } }
}
