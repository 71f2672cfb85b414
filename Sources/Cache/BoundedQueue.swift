import NIOCore
import Synchronization

/// Buffers on their way from one task to another, bounded by bytes and by number.
///
/// Knows nothing of cancellation: the sending side always ends it, and the receiving side always empties it.
final class BoundedQueue: Sendable {
    static let maximumBytes = 8 << 20
    static let maximumBuffers = 256

    private struct State {
        var buffers: [ByteBuffer] = []
        var bytes = 0
        var isFinished = false
        var failure: (any Error)?
        var sender: CheckedContinuation<Void, Never>?
        var receiver: CheckedContinuation<Void, Never>?

        var isFull: Bool { bytes >= BoundedQueue.maximumBytes || buffers.count >= BoundedQueue.maximumBuffers }
    }

    private let state = Mutex(State())

    /// Adds a buffer, first waiting while the queue is full; one sender at a time.
    ///
    /// - Throws: what the receiver failed with.
    func send(_ buffer: ByteBuffer) async throws {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.failure != nil || !state.isFull { return true }
                state.sender = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
        let receiver = try state.withLock { state in
            if let failure = state.failure { throw failure }
            state.buffers.append(buffer)
            state.bytes += buffer.readableBytes
            return state.receiver.take()
        }
        receiver?.resume()
    }

    /// Everything that waits, first waiting for something; empty at the end.
    func receive() async -> [ByteBuffer] {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.isFinished || !state.buffers.isEmpty { return true }
                state.receiver = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
        let (buffers, sender) = state.withLock { state in
            let buffers = state.buffers
            state.buffers = []
            state.bytes = 0
            return (buffers, state.sender.take())
        }
        sender?.resume()
        return buffers
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
