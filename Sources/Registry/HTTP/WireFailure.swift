import AsyncHTTPClient
import Concurrency
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import OCI

/// Why an exchange came to no answer.
struct WireFailure: Error, Sendable {
    var kind: RegistryError.Kind
    var detail: String
    /// Whether the connection ended before the first byte of an answer, as a kept connection that went stale does.
    var isBeforeAnswer = false
    /// Whether it was one: that says nothing of the host, and the others that were kept will end the same way.
    var isStale = false
    /// Whether it ended while the request's own bytes had not come yet.
    var isAwaitingSource = false
    /// Whether there was no connection at all: where one leads through a proxy, it is the proxy's business.
    var isConnecting = false
    /// Whom it is about, where that is not the registry itself.
    var other: String?
    /// Whether the registry has led there.
    var isLed = false
    /// The proxy that it is about.
    var proxy: String?
    var cause: (any Error)?
}

extension WireFailure {
    /// What the errors of the HTTP library and the system mean.
    ///
    /// - Returns: `nil` for an error that is not one of theirs, cancellation included.
    init?(_ error: any Error) {
        switch error {
        case let error as WireFailure: self = error
        case is StaleConnection:
            self.init(brokenOff: "the kept connection was closed", error)
            isStale = true
        case is Timer.Expired: self.init(kind: .timeout, detail: "no answer in time", cause: error)
        case let error as HTTPClientError: self.init(client: error)
        case let error as NIOConnectionError: self.init(connecting: error)
        case let error as IOError: self.init(system: error)
        case let error as ChannelError: self.init(channel: error)
        case let error as NIOSSLError: self.init(tls: error)
        case let error as BoringSSLError: self.init(secured: error)
        case is NIOSSLExtraError:
            self.init(
                kind: .connection(.certificate),
                detail: "its TLS certificate is for another host",
                cause: error
            )
        case HTTPParserError.invalidEOFState:
            // The connection ended in the middle of what was promised.
            self.init(kind: .connection(.reset), detail: "the connection was closed within the answer", cause: error)
        case is HTTPParserError:
            self.init(kind: .protocolViolation, detail: "the answer is not HTTP", isBeforeAnswer: true, cause: error)
        default: return nil
        }
    }

    /// A connection that ended before an answer came.
    private init(brokenOff detail: String, _ error: any Error) {
        self.init(kind: .connection(.reset), detail: detail, isBeforeAnswer: true, cause: error)
    }

    private init(client error: HTTPClientError) {
        switch error {
        case .connectTimeout, .httpProxyHandshakeTimeout:
            self.init(kind: .timeout, detail: "no connection in time", isConnecting: true, cause: error)
        case .tlsHandshakeTimeout, .getConnectionFromPoolTimeout:
            self.init(kind: .timeout, detail: "no connection in time", cause: error)
        case .readTimeout: self.init(kind: .timeout, detail: "the transfer stood still", cause: error)
        case .writeTimeout, .deadlineExceeded: self.init(kind: .timeout, detail: "no answer in time", cause: error)
        case .remoteConnectionClosed:
            self.init(brokenOff: "the connection was closed", error)
        case .proxyAuthenticationRequired:
            let detail = "it asks for a user and a password (407), as in http://user:password@host:port"
            self.init(kind: .connection(.barred), detail: detail, isConnecting: true, cause: error)
        case .invalidProxyResponse:
            self.init(
                kind: .connection(.unreachable),
                detail: "it refuses the connection",
                isConnecting: true,
                cause: error
            )
        default: self.init(kind: .connection(.reset), detail: error.shortDescription, cause: error)
        }
    }

    private init(connecting error: NIOConnectionError) {
        self =
            if error.connectionErrors.isEmpty {
                .init(kind: .connection(.unknownHost), detail: "the host's name is not known", cause: error)
            } else {
                Self.telling(of: error.connectionErrors.map(\.error))
                    ?? .init(kind: .connection(.unreachable), detail: "no connection", cause: error)
            }
        isConnecting = true
    }

    /// What is told of a host none of whose addresses was reached.
    ///
    /// That somebody there refuses says most; that this machine has no way to addresses of one kind, as where it has no IPv6,
    /// says nothing of the host.
    static func telling(of errors: [any Error]) -> WireFailure? {
        let telling = errors.filter { error in
            ![EADDRNOTAVAIL, ENETUNREACH, EAFNOSUPPORT].contains((error as? IOError)?.errnoCode)
        }
        let failures = (telling.isEmpty ? errors : telling).compactMap { WireFailure($0) }
        return failures.first { $0.kind == .connection(.refused) } ?? failures.first
    }

    private init(system error: IOError) {
        switch error.errnoCode {
        case ECONNREFUSED: self.init(kind: .connection(.refused), detail: "the connection was refused", cause: error)
        case ECONNRESET, EPIPE, ENOTCONN:
            self.init(brokenOff: "the connection was reset", error)
        case ETIMEDOUT: self.init(kind: .timeout, detail: "no connection in time", cause: error)
        case EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EACCES, EPERM:
            let reason = String(cString: strerror(error.errnoCode))
            self.init(
                kind: .connection(.withheld),
                detail: "this machine opens no connection (\(reason))",
                cause: error
            )
        default: self.init(kind: .connection(.unreachable), detail: "the host cannot be reached", cause: error)
        }
    }

    private init(channel error: ChannelError) {
        if case .connectTimeout = error {
            self.init(kind: .timeout, detail: "no connection in time", cause: error)
        } else {
            self.init(brokenOff: "the connection was closed", error)
        }
    }

    /// What goes wrong with a connection after its handshake.
    private init(secured error: BoringSSLError) {
        if let refusal = Self.refusal(String(describing: error)) {
            self.init(kind: .connection(.alert), detail: refusal, cause: error)
        } else {
            self.init(kind: .connection(.reset), detail: "the TLS connection broke", cause: error)
        }
    }

    private init(tls error: NIOSSLError) {
        let text = String(describing: error).uppercased()
        if text.contains("CERTIFICATE_VERIFY_FAILED") || error == .unableToValidateCertificate {
            self.init(kind: .connection(.certificate), detail: "its TLS certificate is not trusted", cause: error)
        } else if error == .uncleanShutdown {
            self.init(brokenOff: "the connection was closed", error)
        } else if let refusal = Self.refusal(text) {
            self.init(kind: .connection(.alert), detail: refusal, cause: error)
        } else if text.contains("WRONG_VERSION_NUMBER") {
            self.init(kind: .connection(.tls), detail: "what it answers is no TLS", cause: error)
        } else {
            self.init(kind: .connection(.reset), detail: "the TLS handshake broke off", cause: error)
        }
    }

    /// Alerts of what may be otherwise a moment later.
    private static let passingAlerts = [
        "CLOSE_NOTIFY", "INTERNAL_ERROR", "BAD_RECORD_MAC", "DECRYPT_ERROR", "DECRYPTION_FAILED", "USER_CANCELLED",
    ]

    /// What is said to an alert in the library's words, and what there is to do; `nil` where it is none, or may pass.
    private static func refusal(_ text: String) -> String? {
        if text.contains("UNSUPPORTED_PROTOCOL") { return "it speaks none of the versions of TLS that are accepted" }
        guard let range = text.firstRange(of: "_ALERT_") else { return nil }
        let alert = text[range.upperBound...].prefix { $0.isLetter || $0 == "_" }
        guard !passingAlerts.contains(String(alert)) else { return nil }
        let words = alert.lowercased().split(separator: "_").joined(separator: " ")
        let ciphers = "it takes none of the versions and ciphers of TLS that are offered"
        let certificate = "it asks for a client certificate, and imglife has none to show"
        let meaning: String? =
            switch alert {
            case "PROTOCOL_VERSION", "INSUFFICIENT_SECURITY", "INAPPROPRIATE_FALLBACK": ciphers
            case "HANDSHAKE_FAILURE": "\(ciphers), or \(certificate.dropFirst("it ".count))"
            case "UNRECOGNIZED_NAME": "it has no host of this name; reach it by one that it has, as 'endpoint'"
            case "UNKNOWN_CA", "ACCESS_DENIED": certificate
            case _ where words.contains("certificate"): certificate
            default: nil
            }
        return "it refuses the TLS handshake (\(words))" + (meaning.map { ": \($0)" } ?? "")
    }
}
