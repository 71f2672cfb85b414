import OCI

/// A variable with a part of a host's credentials, as somebody has written its name: `IMGLIFE_<HOST>_USERNAME`.
package struct HostVariable: Hashable, Sendable {
    /// What it holds.
    enum Role: String {
        case username = "USERNAME"
        case password = "PASSWORD"
        case token = "TOKEN"
    }

    static let prefix = "IMGLIFE_"
    /// What other programs call these.
    private static let aliases: [String: Role] = [
        "USER": .username, "PASS": .password, "PASSWD": .password, "PWD": .password,
    ]

    private let host: String
    let role: Role

    /// - Returns: `nil` for what does not look like one. Other programs' words count only behind a host that has more than
    ///   one part, as all but this machine have: `IMGLIFE_BUILD_USER` is somebody's own.
    package init?(_ name: String) {
        guard name.hasPrefix(Self.prefix) else { return nil }
        let rest = name.dropFirst(Self.prefix.count)
        guard let end = rest.lastIndex(of: "_"), end > rest.startIndex else { return nil }
        let word = rest[rest.index(after: end)...].uppercased()
        host = Self.folded(rest[..<end])
        guard let role = Role(rawValue: word) ?? (host.contains("_") ? Self.aliases[word] : nil) else { return nil }
        self.role = role
    }

    /// The name under which it is read.
    package var name: String { name(role) }

    func name(_ role: Role) -> String { "\(Self.prefix)\(host)_\(role.rawValue)" }

    /// A host as variables have it: `REGISTRY_5000` for `registry:5000`.
    static func folded(_ host: some StringProtocol) -> String {
        String(decoding: host.uppercased().utf8.map { $0.isLetterOrDigit ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
    }
}
