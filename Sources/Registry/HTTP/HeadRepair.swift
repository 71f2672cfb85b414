import NIOCore
import NIOHTTP1

/// Makes the heads of answers readable that the HTTP library's parser refuses, although their meaning is plain.
///
/// Blanks around a value do not belong to it (RFC 9110, 5.5); equal `Content-Length` fields, or values of one, mean one
/// (RFC 9110, 8.6); an empty one says nothing, nor does one beside `Transfer-Encoding` (RFC 9112, 6.3), where that is
/// not the former `identity`, which says nothing itself. Different lengths stay, and are refused. Stands between the
/// network and the parser, and lets bodies through untouched.
///
/// As it sees when what comes, it also tells a kept connection that had been given up from one that broke
/// (``StaleConnection``).
final class HeadRepair: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// A longer head is left to the parser, which refuses it.
    private static let limit = 256 << 10

    /// How soon after the request a connection ends that was given up: who takes more time has taken the request.
    private static let notice = TimeAmount.seconds(2)

    private var head = ByteBuffer()
    private var awaitsHead = false
    private var hasAnswered = false
    /// Until when the connection may prove stale: the request under way is not its first, and nothing has come since.
    private var doubtEnds: NIODeadline?

    /// Notices requests: with one under way at a time, an answer's head follows each of them.
    final class RequestWatch: ChannelOutboundHandler {
        typealias OutboundIn = HTTPClientRequestPart
        typealias OutboundOut = HTTPClientRequestPart

        private let repair: HeadRepair

        init(_ repair: HeadRepair) { self.repair = repair }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            if case .head = unwrapOutboundIn(data) { repair.begins(at: context.eventLoop.now) }
            context.write(data, promise: promise)
        }
    }

    /// Puts itself before the parser of a connection that is ready, and its watch behind the request's encoder.
    static func install(in channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        let repair = HeadRepair()
        let encoder = try pipeline.handler(type: HTTPRequestEncoder.self)
        try pipeline.addHandler(repair, position: .before(encoder))
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
        try pipeline.addHandler(RequestWatch(repair), position: .after(decoder))
    }

    private func begins(at now: NIODeadline) {
        awaitsHead = true
        doubtEnds = hasAnswered ? now + Self.notice : nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hasAnswered = true
        doubtEnds = nil
        guard awaitsHead else { return context.fireChannelRead(data) }
        var bytes = unwrapInboundIn(data)
        if head.readableBytes == 0 { head = bytes } else { head.writeBuffer(&bytes) }
        while awaitsHead, let glance = head.withUnsafeReadableBytes(HeadGlance.init) {
            awaitsHead = glance.isInterim
            // Together with what follows it.
            if glance.isSound, !awaitsHead { break }
            guard let bytes = head.readSlice(length: glance.length) else { break }
            let repaired = glance.isSound ? nil : Self.repaired(Array(bytes.readableBytesView))
            context.fireChannelRead(wrapInboundOut(repaired.map { ByteBuffer(bytes: $0) } ?? bytes))
        }
        if head.readableBytes > 0, !awaitsHead || head.readableBytes > Self.limit { pass(context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if head.readableBytes > 0 { pass(context) }
        if provesStale(context) { context.fireErrorCaught(StaleConnection()) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.fireErrorCaught(provesStale(context) ? StaleConnection() : error)
    }

    /// Whether the connection ends because it had been given up; told once.
    private func provesStale(_ context: ChannelHandlerContext) -> Bool {
        defer { doubtEnds = nil }
        return doubtEnds.map { context.eventLoop.now < $0 } ?? false
    }

    private func pass(_ context: ChannelHandlerContext) {
        awaitsHead = false
        let rest = head
        head = ByteBuffer()
        context.fireChannelRead(wrapInboundOut(rest))
    }

    /// The one value of a list of equal ones: `5, 5`.
    private static func only(_ list: [UInt8]) -> [UInt8]? {
        let values = list.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map { value in
            Array(value.drop(while: \.isBlank).reversed().drop(while: \.isBlank).reversed())
        }
        return values.count > 1 && Set(values).count == 1 ? values[0] : nil
    }

    /// - Returns: the head as it should have been; no bytes when nothing is wrong with it.
    static func repaired(_ head: [UInt8]) -> [UInt8]? {
        let lines = head.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let names = lines.map { String(decoding: $0.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self).lowercased() }
        let isChunked = zip(lines, names).contains { line, name in
            let value = line.drop { $0 != UInt8(ascii: ":") }.dropFirst().filter { !$0.isBlank && $0 != 13 }
            return name == "transfer-encoding" && String(decoding: value, as: UTF8.self).lowercased() != "identity"
        }
        var lengths: Set<[UInt8]> = []
        let kept = zip(lines, names).compactMap { line, name -> [UInt8]? in
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            // A folded line is none of ours.
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), line.first?.isBlank == false else {
                return Array(line)
            }
            let value = line[(colon + 1)...].drop(while: \.isBlank)
            let end = value.lastIndex { !$0.isBlank }.map { $0 + 1 } ?? value.startIndex
            var bare = Array(value[..<end])
            let isLength = name == "content-length"
            if isLength, let length = Self.only(bare) { bare = length }
            if name == "transfer-encoding", !isChunked { return nil }
            if isLength, isChunked || bare.isEmpty || !lengths.insert(bare).inserted { return nil }
            return line[...colon] + [UInt8(ascii: " ")] + bare
        }
        let bytes = Array(kept.joined(separator: [13, 10]))
        return bytes == head ? nil : bytes
    }
}

/// A kept connection ended before a byte of the answer came: somebody had given it up, with or without a word (RFC 9112, 9.5).
struct StaleConnection: Error {}
