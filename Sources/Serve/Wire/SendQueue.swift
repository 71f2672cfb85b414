import NIOCore

/// How much of an answer the system may take before the client has.
///
/// Hundreds of clients that ask for large blobs and hardly read them otherwise fill the system's memory for connections,
/// 1.6 MiB each, and everybody's transfers become slow. A client that has taken a few MiB gets as much as the system
/// gives, because small steps cost a fast one more.
struct SendQueue {
    /// `TCP_NOTSENT_LOWAT`, which NIO does not name.
    static let limit = NIOBSDSocket.Option(rawValue: 25)
    /// In bytes, for a new connection.
    static let untilTrusted: SocketOptionValue = 256 << 10
    /// What the system has configured.
    static let whenTrusted: SocketOptionValue = 0
    /// What a client must have asked for and taken, in bytes.
    private static let trust: Int64 = 4 << 20

    private var isTrusted = false

    /// Lets a connection have more once that many bytes of an answer were taken.
    mutating func trust(_ channel: any Channel, after sent: Int64) {
        guard !isTrusted, sent >= Self.trust else { return }
        isTrusted = true
        channel.setOption(.tcpOption(Self.limit), value: Self.whenTrusted).whenFailure { _ in }
    }
}
