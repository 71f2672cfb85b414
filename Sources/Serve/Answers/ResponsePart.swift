import NIOCore

/// What a task tells the connection whose request it answers.
enum ResponsePart: Sendable {
    /// A whole answer whose body the connection sends itself.
    case whole(Response)
    /// An answer whose body the task reads, a piece for each wish.
    case supplied(Response, AsyncStream<PieceWish>.Continuation)
    case piece(ByteBuffer)
    /// The body cannot be completed: the connection is cut, so that the client sees a short one.
    case broken
}

/// Tells connections that the server is about to stop.
struct DrainEvent: Sendable {}
