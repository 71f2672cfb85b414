import NIOCore
import Synchronization

/// Buffers on their way from one task to another, bounded by bytes and by number.
///
/// What the receiver has taken counts until it comes for more, so the bound holds for all that is alive.
///
/// Knows nothing of cancellation: the sending side always ends it, and the receiving side always empties it.
final class BoundedQueue: Sendable {
    static let maximumBuffers = 256

    private struct State {
        var buffers: [ByteBuffer] = []
        var bytes = 0
        var isFinished = false
        var failure: (any Error)?
        var sender: CheckedContinuation<Void, Never>?
        var receiver: CheckedContinuation<Void, Never>?
        /// Of `bytes`, those that the receiver works on.
        var taken = 0

        func isFull(_ limit: Int) -> Bool {
            bytes > 0 && bytes >= limit || buffers.count >= BoundedQueue.maximumBuffers
        }
    }

    private let budget: LaneBudget
    private let state = Mutex(State())

    init(budget: LaneBudget) {
        self.budget = budget
    }

    /// Adds a buffer, first waiting while the queue is full; one sender at a time.
    ///
    /// - Throws: what the receiver failed with.
    func send(_ buffer: ByteBuffer) async throws {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.failure != nil || !state.isFull(budget.share) { return true }
                state.sender = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
        let receiver = try state.withLock { state in
            if let failure = state.failure { throw failure }
            state.buffers.append(buffer)
            // A slice keeps all of its storage alive, and a read from the network rarely fills its buffer.
            state.bytes += buffer.storageCapacity
            return state.receiver.take()
        }
        receiver?.resume()
    }

    /// Everything that waits, first waiting for something; empty at the end.
    func receive() async -> [ByteBuffer] {
        release()
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.isFinished || !state.buffers.isEmpty { return true }
                state.receiver = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
        return state.withLock { state in
            state.taken = state.bytes
            defer { state.buffers = [] }
            return state.buffers
        }
    }

    /// The receiver is done with what it took.
    private func release() {
        let sender = state.withLock { state in
            state.bytes -= state.taken
            state.taken = 0
            return state.sender.take()
        }
        sender?.resume()
    }

    /// Says that nothing more comes.
    func finish() {
        let receiver = state.withLock { state in
            state.isFinished = true
            return state.receiver.take()
        }
        receiver?.resume()
    }

    /// Says that nothing more is taken.
    func fail(_ error: any Error) {
        let sender = state.withLock { state in
            state.failure = error
            return state.sender.take()
        }
        sender?.resume()
    }
}
