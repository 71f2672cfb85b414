import OCI
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
        /// How much the target has taken; in bytes.
        package var sent: Int64 = 0
        /// Whether the source gives more than the target takes, so that buffers on the way are full.
        package var isHeldUp = false
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
        /// Images whose size is known, those that ended included, and what they have in all; in bytes.
        package var sizedImages = 0
        /// Those of them that have not ended.
        package var runningImages = 0
        package var imageBytes: Int64 = 0
        /// Of those bytes, what is done: sent, or found at the target.
        package var doneBytes: Int64 = 0
    }

    /// A tag that has come to its end, for a line of its own.
    package struct Finished: Sendable {
        /// `alpine:3.21`, as it is called at the target.
        package let name: String
        package let row: SyncReport.Row
    }

    fileprivate struct State {
        var snapshot = Snapshot()
        var waiting: [Int: Transfer] = [:]
        var nextID = 0
        var finished: [Finished] = []
        /// Bytes that are not done of images under way.
        var images: [Int: Int64] = [:]
    }

    /// So many are kept while nobody asks for them.
    private static let maximumFinished = 1000

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

    /// A tag has come to its end; what was copied is kept for ``takeFinished()``.
    func finished(_ row: SyncReport.Row) {
        finished(failed: row.status == .failed)
        guard row.status == .synced, let tag = row.targetTag else { return }
        state.withLock { state in
            guard state.finished.count < Self.maximumFinished else { return }
            state.finished.append(Finished(name: row.target.name(of: tag), row: row))
        }
    }

    /// The tags that were copied since this was asked last.
    package func takeFinished() -> [Finished] {
        state.withLock { state in
            defer { state.finished = [] }
            return state.finished
        }
    }

    /// An image's size is known, in bytes.
    ///
    /// - Returns: a number for the image.
    func beginImage(size: Int64) -> Int {
        state.withLock { state in
            state.nextID += 1
            state.images[state.nextID] = size
            state.snapshot.sizedImages += 1
            state.snapshot.runningImages += 1
            state.snapshot.imageBytes += size
            return state.nextID
        }
    }

    /// Some bytes of an image are at the target.
    func done(_ image: Int, _ bytes: Int64) {
        state.withLock { state in
            guard let left = state.images[image] else { return }
            state.images[image] = max(0, left - bytes)
            state.snapshot.doneBytes += min(left, bytes)
        }
    }

    /// No more of an image will come.
    func endImage(_ image: Int) {
        state.withLock { state in
            state.snapshot.doneBytes += state.images.removeValue(forKey: image) ?? 0
            state.snapshot.runningImages -= 1
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
    func advance(_ id: Int, to sent: Int64, isHeldUp: Bool = false) {
        state.withLock { state in
            if let transfer = state.stopWaiting(id) { state.snapshot.transfers.append(transfer) }
            guard let index = state.snapshot.transfers.firstIndex(where: { $0.id == id }) else { return }
            state.snapshot.bytes += max(0, sent - state.snapshot.transfers[index].sent)
            state.snapshot.transfers[index].sent = sent
            state.snapshot.transfers[index].isHeldUp = isHeldUp
        }
    }

    /// The target has taken all of a transfer, if it has asked for any of it.
    func taken(_ id: Int) {
        state.withLock { state in
            guard let index = state.snapshot.transfers.firstIndex(where: { $0.id == id }) else { return }
            let transfer = state.snapshot.transfers[index]
            state.snapshot.bytes += max(0, transfer.size - transfer.sent)
            state.snapshot.transfers[index].sent = transfer.size
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

extension RepositoryReference {
    /// What a person sees of an image: `alpine:3.21`.
    func name(of tag: TagName) -> String {
        "\(repository.description.split(separator: "/").last ?? ""):\(tag)"
    }
}
