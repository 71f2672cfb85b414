import NIOCore

/// How long and how much a client may occupy a connection.
package struct ConnectionLimits: Hashable, Sendable {
    /// From the first byte of a request, or from the connection's beginning, to the end of the request's head.
    package var head = Duration.seconds(10)
    /// Between an answer and the next request.
    package var idle = Duration.seconds(60)
    /// Without a byte being taken by the client while an answer is sent to it.
    package var progress = Duration.seconds(60)
    /// Requests on one connection.
    package var requests = 1000
    /// Connections at once.
    package var connections = 512
    /// Connections at once from one address; this machine's own are not limited, because proxies connect from there.
    package var connectionsPerClient = 64
    package var exemptsThisMachine = true
    /// How long answers under way may take after the server was told to stop.
    package var drain = Duration.seconds(30)

    package init() {}

    /// The longest request body that is read, to be thrown away; a longer one ends the connection.
    static let maximumBody = 64 << 10
    /// What a client may send ahead of its turn; nothing more is read then.
    static let maximumAhead = 64 << 10
    /// How long is waited for a client's end of the connection after the last answer.
    static let linger = Duration.seconds(2)
    /// Connections that are told that there is no room for them, at once.
    static let maximumLeaving = 64
    /// The same where there are few connections at all: each of them has a file that another cannot have.
    var leaving: Int { min(Self.maximumLeaving, max(1, connections / 4)) }
    /// How long an answer may take to begin for a client that sends nothing more: most of those have left.
    static let halfClosed = TimeAmount.seconds(20)
}
