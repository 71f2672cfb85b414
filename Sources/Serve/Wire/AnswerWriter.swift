import Cache
import Glibc
import NIOCore

/// Writes the heads of answers, and small bodies with them.
struct AnswerWriter {
    /// Bodies up to this many bytes leave in one write with their heads.
    static let smallBody = 32 << 10

    private let resources: LoopResources
    private var encoder = ResponseEncoder()

    init(_ resources: LoopResources) {
        self.resources = resources
    }

    /// Writes the head; what follows, or the caller, flushes.
    mutating func write(_ response: Response, _ exchange: Exchange, to context: ChannelHandlerContext) {
        exchange.status = response.status
        var buffer = resources.takeBuffer(512)
        defer { resources.giveBack(buffer) }
        encoder.write(response, exchange, into: &buffer)
        context.write(NIOAny(buffer), promise: nil)
    }

    /// Sends an answer whose body is small and in memory.
    ///
    /// - Returns: whether it is small, and has been sent.
    mutating func sendSmall(
        _ response: Response,
        _ body: ByteBuffer,
        _ exchange: Exchange,
        to context: ChannelHandlerContext
    ) -> Bool {
        guard body.readableBytes <= Self.smallBody else { return false }
        exchange.status = response.status
        exchange.sent = Int64(body.readableBytes)
        var buffer = resources.takeBuffer(512 + body.readableBytes)
        defer { resources.giveBack(buffer) }
        encoder.write(response, exchange, into: &buffer)
        buffer.writeImmutableBuffer(body)
        context.writeAndFlush(NIOAny(buffer), promise: nil)
        return true
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

/// Writes the heads of answers (RFC 9112, 4).
struct ResponseEncoder {
    private var dateSecond = 0
    private var date = ""

    /// Appends the head with its empty line.
    mutating func write(_ response: Response, _ exchange: Exchange, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(String(response.status))
        buffer.writeStaticString(" ")
        buffer.writeStaticString(Self.reason(response.status))
        buffer.writeStaticString("\r\nDate: ")
        buffer.writeString(currentDate())
        if let length = response.length {
            buffer.writeStaticString("\r\nContent-Length: ")
            buffer.writeString(String(length))
        }
        for field in response.fields {
            buffer.writeStaticString("\r\n")
            buffer.writeStaticString(field.name)
            buffer.writeStaticString(": ")
            buffer.writeString(field.value)
        }
        if exchange.isLast {
            buffer.writeStaticString("\r\nConnection: close")
        } else if exchange.request.head.isHTTP10 {
            buffer.writeStaticString("\r\nConnection: keep-alive")
        }
        buffer.writeStaticString("\r\n\r\n")
    }

    /// RFC 9110, 5.6.7; formatted once a second.
    private mutating func currentDate() -> String {
        var now = time(nil)
        guard now != dateSecond else { return date }
        dateSecond = now
        var parts = tm()
        gmtime_r(&now, &parts)
        let two = { (value: CInt) in value < 10 ? "0\(value)" : "\(value)" }
        let day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][Int(parts.tm_wday)]
        let month = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ][Int(parts.tm_mon)]
        let time = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        date = "\(day), \(two(parts.tm_mday)) \(month) \(1900 + parts.tm_year) \(time) GMT"
        return date
    }

    private static func reason(_ status: Int) -> StaticString {
        switch status {
        case 200: "OK"
        case 206: "Partial Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 508: "Loop Detected"
        default: "Error"
        }
    }
}
