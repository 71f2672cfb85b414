import AsyncHTTPClient
import Concurrency
import FoundationEssentials
import NIOCore
import NIOPosix

extension ProxySettings.Proxy {
    /// What it answers when it is asked for a way to an origin.
    ///
    /// The HTTP library keeps to itself with which status a proxy refuses, and whether it was the proxy that hung up.
    ///
    /// - Returns: the status; `nil` where it hangs up, or answers something else than HTTP.
    func status(for origin: Origin) async -> Int? {
        let place = "\(origin.host):\(origin.port)"
        var head = "CONNECT \(place) HTTP/1.1\r\nHost: \(place)\r\n"
        if let user {
            let credentials = Data("\(user):\(password?.revealed ?? "")".utf8).base64EncodedString()
            head += "Proxy-Authorization: Basic \(credentials)\r\n"
        }
        return try? await statusLine(after: head + "\r\n").flatMap(Self.code)
    }

    private func statusLine(after head: String) async throws -> String? {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: head))
            var answer = ByteBuffer()
            for try await piece in inbound {
                answer.writeImmutableBuffer(piece)
                let line = answer.readableBytesView.prefix { $0 != UInt8(ascii: "\n") }
                if line.count < answer.readableBytes { return String(decoding: line, as: UTF8.self) }
                guard answer.readableBytes < 4096 else { return nil }
            }
            return nil
        }
    }

    /// Of `HTTP/1.1 403 Forbidden`.
    private static func code(_ line: String) -> Int? {
        let words = line.split(separator: " ")
        return words.count > 1 && words[0].hasPrefix("HTTP/") ? Int(words[1].prefix { $0.isNumber }) : nil
    }
}

extension WireFailure {
    /// The same with what the proxy says, where it may be the proxy's.
    func explained(by proxy: ProxySettings.Proxy, for origin: Origin, _ timer: Timer) async -> WireFailure {
        if proxy.user != nil, cause as? HTTPClientError == .proxyAuthenticationRequired {
            var failure = self
            failure.detail = "it refuses the user and the password that are set for it (407)"
            return failure
        }
        guard isBeforeAnswer && !isStale || cause as? HTTPClientError == .invalidProxyResponse else { return self }
        let status = try? await timer.limit(.seconds(10)) { await proxy.status(for: origin) }
        var failure = self
        if let status {
            // It is beyond the proxy that the connection ended.
            guard status >= 300 else { return self }
            let isFinal = status < 500 && ![408, 425, 429].contains(status)
            if isFinal { failure.kind = .connection(.barred) }
            failure.detail = (isFinal ? "it lets nobody through" : "it finds no way there") + " (\(status))"
        } else {
            failure.detail = "it hangs up, or answers nothing of use, when it is asked for a way there"
        }
        failure.proxy = "\(proxy)"
        return failure
    }
}
