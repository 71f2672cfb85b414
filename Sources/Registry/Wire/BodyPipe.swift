import NIOCore
import Synchronization

/// Hands the pieces of a request's body from the task that reads them to the HTTP library's.
///
/// Holds one piece. The library pulls from a task that nobody else owns; ``close()`` makes sure that it ends with the
/// request.
final class BodyPipe: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    private struct State {
        var piece: ByteBuffer?
        var isFinished = false
        var isClosed = false
        var producer: CheckedContinuation<Bool, Never>?
        var consumer: CheckedContinuation<ByteBuffer?, any Error>?
    }

    private let state = Mutex(State())

    /// Waits until there is room, then leaves a piece.
    ///
    /// - Returns: `false` when nobody reads any more.
    func send(_ piece: ByteBuffer) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let result: Bool? = state.withLock { state in
                    if state.isClosed { return false }
                    if let consumer = state.consumer {
                        state.consumer = nil
                        consumer.resume(returning: piece)
                        return true
                    }
                    state.piece = piece
                    state.producer = continuation
                    return nil
                }
                if let result { continuation.resume(returning: result) }
            }
        } onCancel: {
            close()
        }
    }

    /// Says that the last piece has been sent.
    func finish() {
        state.withLock { state in
            state.isFinished = true
            guard state.piece == nil else { return }
            state.consumer?.resume(returning: nil)
            state.consumer = nil
        }
    }

    /// Ends both sides; the reading one with an error unless all was sent.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.producer?.resume(returning: false)
            state.producer = nil
            state.consumer?.resume(throwing: CancellationError())
            state.consumer = nil
        }
    }

    private func next() async throws -> ByteBuffer? {
        try await withCheckedThrowingContinuation { continuation in
            state.withLock { state in
                if let piece = state.piece {
                    state.piece = nil
                    state.producer?.resume(returning: true)
                    state.producer = nil
                    continuation.resume(returning: piece)
                } else if state.isFinished {
                    continuation.resume(returning: nil)
                } else if state.isClosed {
                    continuation.resume(throwing: CancellationError())
                } else {
                    state.consumer = continuation
                }
            }
        }
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        let pipe: BodyPipe

        func next() async throws -> ByteBuffer? { try await pipe.next() }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pipe: self) }
}
