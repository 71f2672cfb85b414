import Testing

/// Requests that must not be understood, each with the status of the answer.
///
/// RFC 9112, 2.2, 3, 5 and 6; each is followed by a second request that must not be answered.
struct HostileRequest: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let text: String
    let status: Int

    init(_ description: String, _ text: String, _ status: Int = 400) {
        testDescription = description
        self.text = text
        self.status = status
    }

    private static let end = "\r\n\r\n"

    /// `GET /v2/` with some more header lines.
    private static func get(_ lines: String...) -> String {
        "GET /v2/ HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    static let all = smuggling + lengths + lines + names + requestLines + targets + hosts + sizes

    private static let smuggling = [
        HostileRequest("length before encoding", get("Content-Length: 5", "Transfer-Encoding: chunked")),
        HostileRequest("encoding before length", get("Transfer-Encoding: chunked", "Content-Length: 5")),
        HostileRequest("zero length and encoding", get("Content-Length: 0", "Transfer-Encoding: chunked")),
        HostileRequest("encoding twice", get("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")),
        HostileRequest("encoding identity", get("Transfer-Encoding: identity")),
        HostileRequest("encoding gzip", get("Transfer-Encoding: gzip, chunked")),
        HostileRequest("encoding chunked twice in one line", get("Transfer-Encoding: chunked, chunked")),
        HostileRequest("encoding with a parameter", get("Transfer-Encoding: chunked;q=1")),
        HostileRequest("encoding in quotes", get("Transfer-Encoding: \"chunked\"")),
        HostileRequest("encoding after a comma", get("Transfer-Encoding: ,chunked")),
        HostileRequest("encoding with a letter more", get("Transfer-Encoding: xchunked")),
        HostileRequest("encoding cut short", get("Transfer-Encoding: chunke")),
        HostileRequest("encoding empty", get("Transfer-Encoding:")),
        HostileRequest("encoding with a vertical tab", get("Transfer-Encoding: \u{b}chunked")),
        HostileRequest("encoding with a space before the colon", get("Transfer-Encoding : chunked")),
        HostileRequest("encoding with a tab before the colon", get("Transfer-Encoding\t: chunked")),
        HostileRequest("encoding folded", get("Transfer-Encoding:", " chunked")),
        HostileRequest("encoding with NUL", get("Transfer-Encoding: chunked\0")),
        HostileRequest(
            "encoding in HTTP/1.0",
            "GET /v2/ HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked" + end
        ),
        HostileRequest("a line that ends with LF hides the encoding", get("X: y\nTransfer-Encoding: chunked")),
        HostileRequest("a CR hides the encoding", get("X: y\rTransfer-Encoding: chunked")),
        HostileRequest(
            "a POST with both",
            "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked" + end
        ),
    ]

    private static let lengths = [
        HostileRequest("two lengths", get("Content-Length: 5", "Content-Length: 6")),
        HostileRequest("two equal lengths", get("Content-Length: 5", "Content-Length: 5")),
        HostileRequest("two lengths in one line", get("Content-Length: 5, 5")),
        HostileRequest("a length with a sign", get("Content-Length: +5")),
        HostileRequest("a negative length", get("Content-Length: -1")),
        HostileRequest("a hexadecimal length", get("Content-Length: 0x5")),
        HostileRequest("a length with a fraction", get("Content-Length: 5.0")),
        HostileRequest("a length with letters", get("Content-Length: 5a")),
        HostileRequest("a length with a space inside", get("Content-Length: 1 0")),
        HostileRequest("an empty length", get("Content-Length:")),
        HostileRequest("a length in Arabic digits", get("Content-Length: ٥")),
        HostileRequest("a length with an exponent", get("Content-Length: 1e1")),
        HostileRequest("a length with an underscore", get("Content-Length: 1_0")),
        HostileRequest("a length beyond 64 bits", get("Content-Length: 18446744073709551617"), 413),
        HostileRequest("a length of many zeros", get("Content-Length: 000000000000000000005"), 413),
        HostileRequest("a length with a space before the colon", get("Content-Length : 5")),
        HostileRequest("a folded length", get("Content-Length:", " 5")),
    ]

    private static let lines = [
        HostileRequest("LF alone everywhere", "GET /v2/ HTTP/1.1\nHost: a\n\n"),
        HostileRequest("LF after the request line", "GET /v2/ HTTP/1.1\nHost: a\r\n\r\n"),
        HostileRequest("LF after a field", "GET /v2/ HTTP/1.1\r\nHost: a\n\r\n"),
        HostileRequest("LF as the empty line", "GET /v2/ HTTP/1.1\r\nHost: a\r\n\n"),
        HostileRequest("CR alone", "GET /v2/ HTTP/1.1\rHost: a\r\n\r\n"),
        HostileRequest("CR CR LF", "GET /v2/ HTTP/1.1\r\r\nHost: a\r\n\r\n"),
        HostileRequest("CR inside of a value", get("X: a\rb")),
        HostileRequest("NUL in a value", get("X: a\0b")),
        HostileRequest("NUL in a name", get("X\0: a")),
        HostileRequest("NUL in the target", "GET /v2/\0 HTTP/1.1\r\nHost: a" + end),
        HostileRequest("NUL at the beginning", "\0GET /v2/ HTTP/1.1\r\nHost: a" + end),
        HostileRequest("BEL in a value", get("X: a\u{7}b")),
        HostileRequest("DEL in a value", get("X: a\u{7f}b")),
        HostileRequest("ESC in a value", get("User-Agent: \u{1b}[2J")),
        HostileRequest("a folded field", get("X: a", " b")),
        HostileRequest("a field folded with a tab", get("X: a", "\tb")),
        HostileRequest("a space before the first field", "GET /v2/ HTTP/1.1\r\n Host: a" + end),
        HostileRequest("two empty lines before the request", "\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: a" + end),
    ]

    private static let names = [
        HostileRequest("a field without a colon", get("X")),
        HostileRequest("a field without a name", get(": a")),
        HostileRequest("a space in a name", get("X Y: a")),
        HostileRequest("a space before a colon", get("X : a")),
        HostileRequest("a tab before a colon", get("X\t: a")),
        HostileRequest("a bracket in a name", get("X[0]: a")),
        HostileRequest("a letter beyond ASCII in a name", get("Hösts: a")),
        HostileRequest("a slash in a name", get("X/Y: a")),
        HostileRequest("authorization twice", get("Authorization: Basic YTpi", "Authorization: Basic YTpj")),
        HostileRequest("range twice", get("Range: bytes=0-1", "Range: bytes=2-3")),
    ]

    private static let requestLines = [
        HostileRequest("no target", "GET HTTP/1.1\r\nHost: a" + end),
        HostileRequest("no version", "GET /v2/\r\nHost: a" + end),
        HostileRequest("two spaces", "GET  /v2/ HTTP/1.1\r\nHost: a" + end),
        HostileRequest("a space at the end", "GET /v2/ HTTP/1.1 \r\nHost: a" + end),
        HostileRequest("a tab between", "GET\t/v2/ HTTP/1.1\r\nHost: a" + end),
        HostileRequest("a space before the method", " GET /v2/ HTTP/1.1\r\nHost: a" + end),
        HostileRequest("a space in the target", "GET /v2/ x HTTP/1.1\r\nHost: a" + end),
        HostileRequest("a bracket in the method", "GET( /v2/ HTTP/1.1\r\nHost: a" + end),
        HostileRequest(
            "a method of a thousand letters",
            String(repeating: "A", count: 1000) + " / HTTP/1.1\r\nHost: a" + end
        ),
        HostileRequest("a version in lower case", "GET /v2/ http/1.1\r\nHost: a" + end),
        HostileRequest("version 1.2", "GET /v2/ HTTP/1.2\r\nHost: a" + end, 505),
        HostileRequest("version 2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        HostileRequest("version 0.9", "GET /v2/ HTTP/0.9\r\nHost: a" + end, 505),
        HostileRequest("a version with a digit more", "GET /v2/ HTTP/1.10\r\nHost: a" + end),
        HostileRequest("another protocol", "GET /v2/ ICY/1.1\r\nHost: a" + end),
        HostileRequest("the beginning of TLS", "\u{16}\u{3}\u{1}\0\u{5}\u{1}\0\0"),
    ]

    private static let targets = [
        HostileRequest("a target that is no path", "GET v2/ HTTP/1.1\r\nHost: a" + end),
        HostileRequest("a fragment", "GET /v2/#x HTTP/1.1\r\nHost: a" + end),
        HostileRequest("letters beyond ASCII", "GET /v2/ü HTTP/1.1\r\nHost: a" + end),
        HostileRequest("another scheme", "GET ftp://a/v2/ HTTP/1.1\r\nHost: a" + end),
        HostileRequest("CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443" + end),
        HostileRequest("a control character", "GET /v2/\u{1} HTTP/1.1\r\nHost: a" + end),
    ]

    private static let hosts = [
        HostileRequest("no host", "GET /v2/ HTTP/1.1\r\nX: a" + end),
        HostileRequest("two hosts", get("Host: b")),
        HostileRequest("a host with a space", "GET /v2/ HTTP/1.1\r\nHost: a b" + end),
        HostileRequest("a host with a slash", "GET /v2/ HTTP/1.1\r\nHost: a/b" + end),
        HostileRequest("a host with a user", "GET /v2/ HTTP/1.1\r\nHost: u@a" + end),
    ]

    private static let sizes = [
        HostileRequest(
            "a target of 9 KiB",
            "GET /" + String(repeating: "a", count: 9 << 10) + " HTTP/1.1\r\nHost: a" + end,
            414
        ),
        HostileRequest("a target of 1 MiB", "GET /" + String(repeating: "a", count: 1 << 20), 414),
        HostileRequest("a field of 40 KiB", get("X: " + String(repeating: "a", count: 40 << 10)), 431),
        HostileRequest(
            "fields of 1 MiB",
            "GET /v2/ HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: aaaaaaaa\r\n", count: 80_000),
            431
        ),
        HostileRequest(
            "a hundred and one fields",
            "GET /v2/ HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: a\r\n", count: 100) + "\r\n",
            431
        ),
    ]
}
