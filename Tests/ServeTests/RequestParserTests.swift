import NIOCore
import TestSupport
import Testing

@testable import Serve

/// Requests as bytes: what is understood, and what is refused.
@Suite(.timeLimit(.minutes(10)))
struct RequestParserTests {
    private func parse(_ text: String) throws -> RequestHead? {
        var parser = RequestParser()
        var buffer = ByteBuffer(string: text)
        return try parser.next(from: &buffer)
    }

    @Test("A request is the same however its bytes are cut")
    func cuts() throws {
        let text = "HEAD /v2/a?n=1 HTTP/1.1\r\nhOsT:  a:5000 \r\nRange:\tbytes=0-1\r\nX: \u{e9}\r\n\r\n"
        let whole = try #require(try parse(text))
        #expect(whole.method == .head && whole.target == "/v2/a?n=1" && !whole.isHTTP10)
        #expect(whole.fields.host == "a:5000" && whole.fields.range == "bytes=0-1")
        for size in 1...7 {
            var parser = RequestParser()
            var buffer = ByteBuffer()
            var heads: [RequestHead] = []
            var rest = ByteBuffer(string: text + text)
            while rest.readableBytes > 0 {
                buffer.writeBytes(rest.readBytes(length: min(size, rest.readableBytes)) ?? [])
                while let head = try parser.next(from: &buffer) { heads.append(head) }
            }
            #expect(heads == [whole, whole], "pieces of \(size)")
        }
    }

    @Test("One empty line before a request is no error, in one piece or in two")
    func emptyLine() throws {
        var parser = RequestParser()
        var buffer = ByteBuffer(string: "\r")
        #expect(try parser.next(from: &buffer) == nil)
        buffer.writeString("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try parser.next(from: &buffer)?.target == "/")
    }

    @Test("At least eighty hostile requests are tried")
    func corpus() {
        #expect(HostileRequest.all.count >= 80)
        #expect(Set(HostileRequest.all.map(\.text)).count == HostileRequest.all.count)
    }

    @Test("What can be read in two ways is refused", arguments: HostileRequest.all)
    func hostile(request: HostileRequest) throws {
        let refused = #expect(throws: RefusedRequest.self) { _ = try parse(request.text) }
        #expect(refused?.status == request.status)
    }

    @Test(
        "What is merely unusual is understood",
        arguments: [
            ("GET http://example.com/v2/x HTTP/1.1\r\nHost: a\r\n\r\n", "/v2/x"),
            ("GET HTTPS://example.com HTTP/1.1\r\nHost: a\r\n\r\n", "/"),
            ("GET http://example.com?x=1 HTTP/1.1\r\nHost: a\r\n\r\n", "/?x=1"),
            ("GET /v2/%2e HTTP/1.0\r\n\r\n", "/v2/%2e"),
            ("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", "*"),
            ("GET / HTTP/1.1\r\nHost: [::1]:5000\r\nX:\r\n\r\n", "/"),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", "/"),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n", "/"),
        ]
    )
    func unusual(text: String, target: String) throws {
        #expect(try parse(text)?.target == target)
    }

    @Test(
        "A connection goes on as the client says",
        arguments: [
            ("HTTP/1.1\r\nHost: a", true), ("HTTP/1.1\r\nHost: a\r\nConnection: close", false),
            ("HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE", false), ("HTTP/1.0", false),
            ("HTTP/1.0\r\nConnection: Keep-Alive", true),
            ("HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close", false),
        ]
    )
    func keepAlive(rest: String, isKept: Bool) throws {
        #expect(try parse("GET / \(rest)\r\n\r\n")?.allowsAnother == isKept)
    }
}
