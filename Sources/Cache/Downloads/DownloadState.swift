import NIOCore
import NIOPosix
import Synchronization

/// How far one download has come, for everybody who reads it.
///
/// A generation is one run of bytes that only grows; when a download begins again the generation changes first, then
/// the file, so a reader that sees the same generation before and after reading has read that generation's bytes.
final class DownloadState: Sendable {
    enum Phase {
        case arriving
        case committed
        /// It is whole and was verified, but could not be kept: who reads it for a client may go on.
        case unkept(any Error)
        case failed(Failure)
    }

    /// What ended it.
    struct Failure {
        /// That of the source that was asked last.
        let last: any Error
        /// By the place of each source that was asked.
        let all: [String: any Error]

        /// What somebody is told whose source is that one.
        func error(of place: String?) -> any Error { place.flatMap { all[$0] } ?? last }
    }

    struct View {
        var file: OpenFile?
        var arrived: Int64 = 0
        var generation = 0
        /// Bytes that the source delivered, also those of attempts that failed.
        var fetched: Int64 = 0
        /// The source is asked for what is missing.
        var isFetching = false
        /// The source has said that it sends the blob.
        var isAnswered = false
        /// Another process writes it, or wrote its beginning.
        var isForeign = false
        /// All of it has arrived, is right and on the disk.
        var isVerified = false
        var phase = Phase.arriving

        /// Whether readers have been told that it comes, and need more of it than can be read.
        var isPromised: Bool { isAnswered && !isVerified }

        /// Whether all of it is there, and right.
        var isWhole: Bool {
            switch phase {
            case .committed, .unkept: true
            case .arriving, .failed: false
            }
        }
    }

    fileprivate enum Wish {
        /// That many bytes; more than the other number after a while.
        case bytes(Int64, some: Int64)
        /// That its source has answered, whatever had arrived before.
        case answer
    }

    private struct Waiter {
        let wish: Wish
        let since = NIODeadline.now()
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var view = View()
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
        /// Whether somebody looks soon who has waited long enough for more than there is.
        var isLookingAgain = false
    }

    /// How long a reader waits for as much as it wants where some is there: at full speed that comes much sooner, and
    /// who reads from a slow source shall not be slower still.
    private static let patience = TimeAmount.milliseconds(5)

    private let state = Mutex(State())

    var view: View { state.withLock { $0.view } }

    /// Bytes that the source delivered, also those of attempts that failed.
    var fetched: Int64 { view.fetched }

    func count(fetched: Int) {
        update { view in
            view.fetched += Int64(fetched)
            view.isAnswered = true
        }
    }

    /// Says where the bytes are and how many there are at first.
    func begin(_ file: OpenFile, arrived: Int64) {
        update { view in
            if arrived < view.arrived { view.generation += 1 }
            view.isVerified = false
            view.isFetching = true
            view.file = file
            view.arrived = arrived
        }
    }

    /// Says that the source is asked for nothing now.
    func pause() {
        update { $0.isFetching = false }
    }

    /// Follows a file that another process writes; a file that became shorter has begun again.
    func observe(_ file: OpenFile, length: Int64) {
        update { view in
            if length < view.arrived { view.generation += 1 }
            // What was there already may be what is left of one that stands still.
            if view.isForeign, length > view.arrived { view.isAnswered = true }
            view.isForeign = true
            view.file = file
            view.arrived = length
        }
    }

    /// Makes everything read so far void; call it before the file changes.
    func restart() {
        update { view in
            view.generation += 1
            view.arrived = 0
            view.isVerified = false
        }
    }

    /// All of it is there, right and durable, although it could not be kept.
    func verified() {
        update { $0.isVerified = true }
    }

    func advance(to arrived: Int64) {
        update { $0.arrived = arrived }
    }

    /// Ends it: the file is complete, verified and committed.
    func commit(_ file: OpenFile, size: Int64) {
        update { view in
            view.file = file
            view.arrived = size
            view.phase = .committed
        }
    }

    /// Ends it with what the last source failed with, and each that was asked before.
    func fail(_ error: any Error, _ all: [String: any Error] = [:]) {
        update { $0.phase = $0.isVerified ? .unkept(error) : .failed(Failure(last: error, all: all)) }
    }

    /// Waits until `threshold` bytes have arrived, or after some milliseconds more than `some`, until something began again, or
    /// it ended.
    func wait(for threshold: Int64, some: Int64 = .max, generation: Int) async throws {
        try await wait(for: .bytes(threshold, some: some), generation: generation)
    }

    /// Waits until its source has answered, the file of another process that fetches it has grown, or it ended.
    func waitForAnswer() async throws {
        while true {
            let view = view
            if view.satisfies(.answer, view.generation) { return }
            try await wait(for: .answer, generation: view.generation)
        }
    }

    private func wait(for wish: Wish, generation: Int) async throws {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let waiter = Waiter(wish: wish, continuation: continuation)
                let ready = state.withLock { state in
                    if Task.isCancelled || state.view.satisfies(wish, generation) { return [waiter] }
                    state.waiters[id] = waiter
                    // Some may be there already, and nothing more may come for long.
                    return takeReady(&state) { _ in false }
                }
                for waiter in ready { waiter.continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: id) }
            waiter?.continuation.resume(throwing: CancellationError())
        }
        try Task.checkCancellation()
    }

    private func update(_ change: (inout View) -> Void) {
        let ready = state.withLock { state in
            let generation = state.view.generation
            change(&state.view)
            guard !state.waiters.isEmpty else { return [Waiter]() }
            let view = state.view
            return takeReady(&state) { view.satisfies($0.wish, generation) }
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    private func lookAgain() {
        let ready = state.withLock { state in
            state.isLookingAgain = false
            return takeReady(&state) { _ in false }
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// Takes out those who have what they wait for, or who have waited long enough where some is there.
    private func takeReady(_ state: inout State, _ isReady: (Waiter) -> Bool) -> [Waiter] {
        let view = state.view
        var next: NIODeadline?
        let ids = state.waiters.filter { _, waiter in
            if isReady(waiter) { return true }
            guard case .bytes(_, let some) = waiter.wish, view.arrived > some else { return false }
            let due = waiter.since + Self.patience
            if NIODeadline.now() >= due { return true }
            next = next.map { min($0, due) } ?? due
            return false
        }.keys
        if let next, !state.isLookingAgain {
            state.isLookingAgain = true
            MultiThreadedEventLoopGroup.singleton.any().scheduleTask(deadline: next) { [weak self] in self?.lookAgain()
            }
        }
        return ids.compactMap { state.waiters.removeValue(forKey: $0) }
    }
}

extension DownloadState.View {
    fileprivate func satisfies(_ wish: DownloadState.Wish, _ generation: Int) -> Bool {
        guard case .arriving = phase else { return true }
        return switch wish {
        case .bytes(let threshold, _): arrived >= threshold || self.generation != generation
        case .answer: isAnswered
        }
    }
}
