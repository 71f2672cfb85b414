import OCI

/// A token that a token service issued.
struct Token: Hashable, Sendable {
    /// A token is used at least so long, whatever its service says: shorter lives are clock trouble.
    private static let minimumLife: Int64 = 60

    let secret: Secret
    /// When to ask for another, at 80 % of its life; on the monotonic clock.
    let renewal: Duration
    /// What is to be presented for the next one, where its service says so.
    let refresh: Secret?

    /// Reads the service's answer; fails when it holds no usable token.
    ///
    /// - Parameters:
    ///   - body: `{"token": …, "access_token": …, "expires_in": …, "refresh_token": …}`; `issued_at` is ignored.
    ///   - now: when it was received.
    init?(parsing body: [UInt8], now: Duration) {
        guard let root = try? JSONValue(parsing: body) else { return nil }
        let text = [root["token"]?.string, root["access_token"]?.string].compactMap(\.self).first { !$0.isEmpty }
        guard let text, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let life = max(root["expires_in"]?.integer ?? Self.minimumLife, Self.minimumLife)
        secret = Secret(text)
        refresh = root["refresh_token"]?.string.flatMap { $0.isEmpty ? nil : Secret($0) }
        renewal = now + .seconds(min(life, 86_400)) * 0.8
    }
}
