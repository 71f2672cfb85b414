/// One request of a connection that is being answered.
struct Exchange {
    let request: Request
    let began: ContinuousClock.Instant
    /// The connection ends with this answer.
    var isLast: Bool
    var status = 0
    /// Bytes of the body given to the connection.
    var sent: Int64 = 0
    /// Ends when the client leaves before its answer is complete.
    var departure: AsyncStream<Never>.Continuation?
}
