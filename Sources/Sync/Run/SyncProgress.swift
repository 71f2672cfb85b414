import Synchronization

/// What a run is doing at this moment, for a display that looks at it now and then.
///
/// Written by the copies, read by whoever draws; neither waits for the other.
package final class SyncProgress: Sendable {
    /// One blob on its way to a target.
    package struct Transfer: Sendable, Identifiable {
        package let id: Int
        /// What is shown for it: the target's tag and the blob's short digest.
        package let name: String
        /// In bytes.
        package let size: Int64
        /// How far the target has read; in bytes.
        package var sent: Int64 = 0
    }

    /// All figures at one instant.
    package struct Snapshot: Sendable {
        /// Tags whose fate is to be decided; grows while entries are being listed.
        package var tags = 0
        package var finishedTags = 0
        package var failedTags = 0
        /// Entries whose tags are not known yet.
        package var pendingEntries = 0
        /// Bytes of the blobs that ended, and of those under way.
        package var bytes: Int64 = 0
        /// Under way now, in the order in which their first bytes passed.
        package var transfers: [Transfer] = []
        /// Bytes of the blobs that have begun and of which none has passed yet: they wait for a free connection.
        package var waitingBytes: Int64 = 0
    }

    fileprivate struct State {
        var snapshot = Snapshot()
        var waiting: [Int: Transfer] = [:]
        var nextID = 0
    }

    private let state = Mutex(State())

    package init() {}

    package var snapshot: Snapshot {
        state.withLock { $0.snapshot }
    }

    func expect(entries: Int) {
        state.withLock { $0.snapshot.pendingEntries += entries }
    }

    func planned(tags: Int) {
        state.withLock { state in
            state.snapshot.pendingEntries -= 1
            state.snapshot.tags += tags
        }
    }

    func finished(failed: Bool) {
        state.withLock { state in
            state.snapshot.finishedTags += 1
            state.snapshot.failedTags += failed ? 1 : 0
        }
    }

    /// - Returns: a number for the transfer, which is shown as soon as it moves.
    func begin(_ name: String, size: Int64) -> Int {
        state.withLock { state in
            state.nextID += 1
            state.waiting[state.nextID] = Transfer(id: state.nextID, name: name, size: size)
            state.snapshot.waitingBytes += size
            return state.nextID
        }
    }

    /// Moves a transfer on; an upload that starts again moves it back.
    func advance(_ id: Int, to sent: Int64) {
        state.withLock { state in
            if let transfer = state.stopWaiting(id) { state.snapshot.transfers.append(transfer) }
            guard let index = state.snapshot.transfers.firstIndex(where: { $0.id == id }) else { return }
            state.snapshot.bytes += max(0, sent - state.snapshot.transfers[index].sent)
            state.snapshot.transfers[index].sent = sent
        }
    }

    func end(_ id: Int) {
        state.withLock { state in
            guard state.stopWaiting(id) == nil else { return }
            state.snapshot.transfers.removeAll { $0.id == id }
        }
    }
}

extension SyncProgress.State {
    fileprivate mutating func stopWaiting(_ id: Int) -> SyncProgress.Transfer? {
        guard let transfer = waiting.removeValue(forKey: id) else { return nil }
        snapshot.waitingBytes -= transfer.size
        return transfer
    }
}
