import NIOCore
import Synchronization

/// Hands pieces of a body from one task to another, and tells the first when the second is behind.
final class PieceQueue: Sendable {
    /// What may wait, in bytes; one piece more can come on top.
    private static let capacity = 1 << 18

    private struct State {
        var pieces: [ByteBuffer] = []
        var bytes = 0
        /// How it ended, for who takes.
        var end: Result<Void, any Error>?
        /// Nobody takes any more.
        var isAbandoned = false
        var taker: CheckedContinuation<Void, Never>?
        var giver: CheckedContinuation<Void, Never>?

        var hasRoom: Bool { isAbandoned || bytes <= PieceQueue.capacity }
    }

    private let state = Mutex(State())

    /// Whether more may be given.
    var hasRoom: Bool { state.withLock { $0.hasRoom } }

    /// Gives a piece; ``whenRoom()`` is to be waited for before the next.
    func give(_ piece: ByteBuffer) {
        let taker = state.withLock { state in
            state.pieces.append(piece)
            state.bytes += piece.readableBytes
            return state.taker.take()
        }
        taker?.resume()
    }

    /// Waits until more may be given.
    ///
    /// - Throws: `CancellationError` also when nobody takes any more.
    func whenRoom() async throws {
        try await wait(\.giver) { $0.hasRoom }
        if state.withLock({ $0.isAbandoned }) { throw CancellationError() }
    }

    func end(_ result: Result<Void, any Error>) {
        let taker = state.withLock { state in
            state.end = result
            return state.taker.take()
        }
        taker?.resume()
    }

    /// The next piece.
    ///
    /// - Returns: `nil` at the end.
    func take() async throws -> ByteBuffer? {
        try await wait(\.taker) { !$0.pieces.isEmpty || $0.end != nil }
        let (piece, giver, end) = state.withLock { state in
            guard !state.pieces.isEmpty else { return (nil as ByteBuffer?, state.giver.take(), state.end) }
            let piece = state.pieces.removeFirst()
            state.bytes -= piece.readableBytes
            return (piece, state.giver.take(), nil)
        }
        giver?.resume()
        try end?.get()
        return piece
    }

    func abandon() {
        let giver = state.withLock { state in
            state.isAbandoned = true
            state.pieces = []
            state.bytes = 0
            return state.giver.take()
        }
        giver?.resume()
    }

    private func wait(
        _ side: any WritableKeyPath<State, CheckedContinuation<Void, Never>?> & Sendable,
        until isSatisfied: @Sendable (State) -> Bool
    ) async throws {
        while !state.withLock({ isSatisfied($0) }) {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isOver = state.withLock { state in
                        if Task.isCancelled || isSatisfied(state) { return true }
                        state[keyPath: side] = continuation
                        return false
                    }
                    if isOver { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0[keyPath: side].take() }?.resume()
            }
            try Task.checkCancellation()
        }
    }
}
