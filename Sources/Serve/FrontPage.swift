import NIOCore

/// The document for people at `/`.
package protocol FrontPage: Sendable {
    /// The value of `Content-Security-Policy`.
    var policy: String { get }

    /// Works for ``document(for:from:)`` until the task is cancelled.
    func run() async

    /// The document that a visitor asks for.
    ///
    /// - Parameters:
    ///   - query: the request's parameters, decoded.
    ///   - host: the `Host` of the request.
    /// - Returns: its HTML, and whether what was asked for is not there.
    /// - Throws: what keeps it from being made; `CancellationError`.
    func document(
        for query: [(name: String, value: String)],
        from host: String?
    ) async throws -> (html: String, isMissing: Bool)
}

extension Response {
    /// - Parameters:
    ///   - document: HTML, and whether it only says that there is nothing.
    ///   - policy: what the browser may load for it.
    init(_ document: (html: String, isMissing: Bool), policy: String) {
        self.init(
            document.isMissing ? 404 : 200,
            [
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Security-Policy", policy),
                ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"),
                ("Cache-Control", "no-cache"),
            ],
            body: .bytes(ByteBuffer(string: document.html))
        )
    }
}
