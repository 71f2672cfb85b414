import Cache
import NIOCore

/// Writes the heads of answers, and small bodies with them.
struct AnswerWriter {
    /// Bodies up to this many bytes leave in one write with their heads.
    private static let smallBody = 32 << 10

    private let resources: LoopResources
    private var encoder = ResponseEncoder()

    init(_ resources: LoopResources) {
        self.resources = resources
    }

    /// Writes the head, and a body that is in memory; what follows, or the caller, flushes.
    mutating func write(
        _ response: Response,
        _ exchange: Exchange,
        body: ByteBuffer?,
        to context: ChannelHandlerContext
    ) {
        exchange.status = response.status
        let size = body?.readableBytes ?? 0
        let isSmall = size <= Self.smallBody
        var buffer = context.channel.allocator.buffer(capacity: 512 + (isSmall ? size : 0))
        encoder.write(response, exchange, into: &buffer)
        if let body, isSmall { buffer.writeImmutableBuffer(body) }
        context.write(NIOAny(buffer), promise: nil)
        if let body, !isSmall { context.write(NIOAny(body), promise: nil) }
        exchange.sent = Int64(size)
    }

    /// Sends an answer whose body is a small part of a file.
    ///
    /// - Returns: whether it was small, in memory, and has been sent.
    mutating func sendSmall(
        _ response: Response,
        _ file: BlobFile,
        _ range: Range<Int64>,
        _ exchange: Exchange,
        to context: ChannelHandlerContext
    ) -> Bool {
        guard range.count <= Self.smallBody else { return false }
        var buffer = resources.takeBuffer(512 + range.count)
        defer { resources.giveBack(buffer) }
        encoder.write(response, exchange, into: &buffer)
        guard file.readResident(at: range.lowerBound, atMost: range.count, into: &buffer) == range.count else {
            return false
        }
        exchange.status = response.status
        exchange.sent = Int64(range.count)
        context.writeAndFlush(NIOAny(buffer), promise: nil)
        return true
    }
}
