import NIOCore

/// One request of a connection that is being answered.
///
/// A class, because a copy of all that a request holds for each look at it would cost more than the look.
final class Exchange {
    let request: Request
    let began = NIODeadline.now()
    /// The connection ends with this answer.
    var isLast: Bool
    var status = 0
    /// The body breaks off, because the rest of it cannot be had.
    var isBroken = false
    /// Bytes of the body given to the connection.
    var sent: Int64 = 0
    /// Ends when the client leaves before its answer is complete.
    var departure: AsyncStream<Never>.Continuation?

    init(_ request: Request, isLast: Bool) {
        self.request = request
        self.isLast = isLast
    }
}
