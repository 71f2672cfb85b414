package import NIOCore

/// One request that a ``ScriptedRegistry`` received, and what became of it.
package struct RecordedRequest: Sendable {
    /// Its place in the order of arrival, from 0.
    package let order: Int
    /// The connection it came on, from 0.
    package let connection: Int
    package let method: String
    /// The request target as it was sent.
    package let uri: String
    package let headers: HeaderList
    /// The first bytes of its body, at most 4 KiB; uploads are left out.
    package internal(set) var bodyStart = ByteBuffer()
    /// How many bytes of its body arrived.
    package internal(set) var bodyByteCount = 0
    /// Whether the whole request arrived.
    package internal(set) var isComplete = false
    /// The status that was sent; `nil` while, or if, no head has been sent.
    package internal(set) var status: Int?
    /// How many bytes of the answer's body were handed to the socket.
    package internal(set) var bytesSent = 0
    /// Whether the whole answer was handed to the socket.
    package internal(set) var isAnswered = false

    /// The path, without the query.
    package var path: String { String(uri.prefix { $0 != "?" }) }

    package var query: QueryItems { QueryItems(uri.drop { $0 != "?" }.dropFirst()) }

    var credentials: String? {
        guard let value = headers["authorization"], value.lowercased().hasPrefix("basic ") else { return nil }
        return Base64.decode(value.dropFirst(6))
    }

    /// Whether a text occurs in the head, in what its Basic credentials or its query say, or in the body's start.
    package func contains(_ text: String) -> Bool {
        let query = self.query.items.flatMap { [$0.name, $0.value] }
        let fields = headers.fields.flatMap { [$0.name, $0.value] }
        let body = String(buffer: bodyStart)
        let places = [uri, credentials ?? "", body] + query + fields + QueryItems(body).items.map(\.value)
        return places.contains { $0.contains(text) }
    }
}

extension RecordedRequest {
    func without(_ header: String) -> RecordedRequest {
        var headers = self.headers
        headers[header] = nil
        return RecordedRequest(order: order, connection: connection, method: method, uri: uri, headers: headers)
    }
}
