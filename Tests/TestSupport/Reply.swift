import NIOCore

/// An HTTP answer: status, headers and body.
///
/// `Content-Length` is the body's, unless the headers say otherwise.
package struct Reply: Sendable {
    package var status: Int
    package var headers: HeaderList
    package var body: ByteSource

    package init(_ status: Int, headers: HeaderList = [:], body: ByteSource) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package init(_ status: Int, headers: HeaderList = [:], body: String = "") {
        self.init(status, headers: headers, body: ByteSource(ByteBuffer(string: body)))
    }

    /// An answer whose body is JSON.
    package static func json(_ status: Int = 200, _ body: String, headers: HeaderList = [:]) -> Reply {
        var reply = Reply(status, headers: headers, body: body)
        reply.headers["Content-Type"] = headers["Content-Type"] ?? "application/json"
        return reply
    }

    /// A registry's error.
    ///
    /// OCI distribution-spec 1.1.1, "Error Codes".
    package static func error(_ status: Int, _ code: String, _ message: String = "", headers: HeaderList = [:]) -> Reply
    {
        let text = JSONText.string(message.isEmpty ? code.lowercased() : message)
        return json(status, #"{"errors":[{"code":"\#(code)","message":\#(text)}]}"#, headers: headers)
    }
}
