package import NIOCore
package import OCI

/// An HTTP answer as its bytes came; a chunked body is left as it is.
package struct RawAnswer: Sendable {
    /// 0 when there was no head.
    package let status: Int
    package let headers: HeaderList
    /// Whatever came after the head.
    package let body: ByteBuffer
    /// How the connection ended, when that was an error.
    package let error: String?

    package init(_ received: RawConnection.Received) {
        let view = received.bytes.readableBytesView
        let separator = Array("\r\n\r\n".utf8)
        let start = view.indices.first { view[$0...].starts(with: separator) }
        let head = String(decoding: view[..<(start ?? view.startIndex)], as: UTF8.self)
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
        var headers = HeaderList()
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { headers.add(String(parts[0]), String(parts[1].drop { $0 == " " })) }
        }
        status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        self.headers = headers
        body = start.map { ByteBuffer(bytes: view[($0 + 4)...]) } ?? ByteBuffer()
        error = received.error
    }

    /// The body as text.
    package var text: String { String(buffer: body) }
}

/// A client of a few lines, with one connection a request and no opinion on the answer.
package struct RawClient: Sendable {
    package let host: RegistryHost
    /// Speaks TLS and trusts this authority; `nil` is plain HTTP.
    package var authorityFile: String?
    /// `user:password`.
    package var credentials: String?

    package init(_ host: RegistryHost, authorityFile: String? = nil, credentials: String? = nil) {
        self.host = host
        self.authorityFile = authorityFile
        self.credentials = credentials
    }

    /// The request's head as it is sent, with `Connection: close`.
    package func head(_ method: String, _ uri: String, _ headers: HeaderList = [:], length: Int? = nil) -> String {
        var fields: HeaderList = ["Host": host.description, "Connection": "close"]
        if let credentials { fields["Authorization"] = "Basic \(Base64.encode(credentials))" }
        if let length { fields["Content-Length"] = "\(length)" }
        fields.merge(headers)
        return "\(method) \(uri) HTTP/1.1\r\n" + fields.fields.map { "\($0.name): \($0.value)\r\n" }.joined() + "\r\n"
    }

    /// Sends a request and reads until the connection's end.
    package func request(
        _ method: String,
        _ uri: String,
        _ headers: HeaderList = [:],
        body: ByteSource? = nil
    ) async throws -> RawAnswer {
        let isWriting = !["GET", "HEAD"].contains(method)
        let head = head(method, uri, headers, length: body?.count ?? (isWriting ? 0 : nil))
        return try await RawConnection.with(to: host, authorityFile: authorityFile, greeting: head) { connection in
            var offset = 0
            while let body, offset < body.count {
                let chunk = body.read(at: offset, count: 1 << 20)
                connection.send(chunk)
                offset += chunk.readableBytes
            }
            return RawAnswer(try await connection.waitForEnd())
        }
    }

    /// Sends a GET.
    package func get(_ uri: String, _ headers: HeaderList = [:]) async throws -> RawAnswer {
        try await request("GET", uri, headers)
    }
}
