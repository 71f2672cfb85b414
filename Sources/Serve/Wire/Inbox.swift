import NIOCore

/// What a client has sent and nobody has taken yet.
struct Inbox {
    private var bytes = ByteBuffer()
    private var parser = RequestParser()
    /// Bytes of a request's body that are still to be thrown away.
    private var toSkip = 0

    /// Whether the client is so far ahead of its turn that nothing more is read.
    var isFull: Bool { bytes.readableBytes >= ConnectionLimits.maximumAhead }
    /// Whether some of a request's head has arrived, but not all.
    var isInHead: Bool { parser.isInHead }
    var isInRequest: Bool { isInHead || toSkip > 0 }

    mutating func take(_ arrived: ByteBuffer) {
        guard bytes.readableBytes > 0 else {
            bytes = arrived
            return
        }
        // What was read would stay otherwise, for as long as reads never end where a head does.
        bytes.discardReadBytes()
        bytes.writeImmutableBuffer(arrived)
    }

    /// Throws away the body of the request that was taken last.
    mutating func skip(_ count: Int) { toSkip = count }

    /// Takes the next request's head.
    ///
    /// - Returns: `nil` when more bytes are needed.
    /// - Throws: ``RefusedRequest``; the connection cannot be used any further.
    mutating func next() throws(RefusedRequest) -> RequestHead? {
        let skipped = min(toSkip, bytes.readableBytes)
        bytes.moveReaderIndex(forwardBy: skipped)
        toSkip -= skipped
        return toSkip > 0 ? nil : try parser.next(from: &bytes)
    }

    /// Gives the memory of an empty one back.
    mutating func release() {
        if bytes.readableBytes == 0 { bytes = ByteBuffer() }
    }
}
