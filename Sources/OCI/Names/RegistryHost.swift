/// A registry's host name or address, with its port where one is given; docker.io's aliases are folded into one.
///
/// The grammar of `domain` in the distribution project's reference package: host names, IPv4, bracketed IPv6, port.
package struct RegistryHost: Hashable, Sendable, CustomStringConvertible {
    /// The lower-case host without port; an IPv6 address keeps its brackets.
    package let name: String
    package let port: Int?

    /// Docker Hub.
    package static let dockerHub = RegistryHost(name: "docker.io", port: nil)
    /// What it is called; the first is its own.
    static let dockerHubNames = ["docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"]

    private init(name: String, port: Int?) {
        self.name = name
        self.port = port
    }

    package init(_ text: some StringProtocol) throws(ReferenceError) {
        let (name, port) = try Self.split(text)
        guard name.utf8.count <= 253 else { throw ReferenceError(.host, text, "it is longer than 253 characters") }
        if name.utf8.first == UInt8(ascii: "[") {
            // By bytes: a bracket with an accent is one character.
            let inside = name.utf8.dropFirst().dropLast()
            guard Self.isIPv6(name[inside.startIndex..<inside.endIndex]) else {
                throw ReferenceError(.host, text, "not an IPv6 address in brackets")
            }
        } else {
            for label in name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
                guard let first = label.first, let last = label.last, first.isAlphanumeric, last.isAlphanumeric,
                    label.count <= 63, label.allSatisfy({ $0.isAlphanumeric || $0 == UInt8(ascii: "-") })
                else { throw ReferenceError(.host, text, "expected a host name or address, with an optional :port") }
            }
        }
        let lowered = name.lowercased()
        if port == nil, Self.dockerHubNames.contains(lowered) {
            self = .dockerHub
        } else {
            self.init(name: lowered, port: port)
        }
    }

    package var description: String {
        port.map { "\(name):\($0)" } ?? name
    }

    /// How it stands in the path of a server of many hosts: neither `:` nor brackets can, so the port follows a `_`, and
    /// the groups of an IPv6 address stand between `-`, as in `0--1_5000`.
    package var listedName: String {
        let name = isIPv6 ? listedAddress : name
        return port.map { "\(name)_\($0)" } ?? name
    }

    package var isIPv6: Bool { name.utf8.first == UInt8(ascii: "[") }

    private var listedAddress: String {
        let address = name.dropFirst().dropLast()
        let (before, after) = (address.hasPrefix(":") ? "0" : "", address.hasSuffix(":") ? "0" : "")
        return before + address.replacing(":", with: "-") + after
    }

    /// The same registry by its shortest name: behind a host the port of HTTPS says nothing.
    ///
    /// Not behind a name of this machine, which is tried over plain HTTP, at another port.
    package var withoutUsualPort: RegistryHost {
        guard port == 443, !isLoopback else { return self }
        return Self.dockerHubNames.contains(name) ? .dockerHub : RegistryHost(name: name, port: nil)
    }

    /// Whether it names this machine: `localhost`, `127.0.0.0/8` or `[::1]`.
    package var isLoopback: Bool {
        if name == "localhost" || name == "[::1]" { return true }
        let octets = name.split(separator: ".", omittingEmptySubsequences: false)
        return octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
    }

    private static func split(_ text: some StringProtocol) throws(ReferenceError) -> (name: String, port: Int?) {
        guard !text.isEmpty else { throw ReferenceError(.host, text, "it is empty") }
        guard !text.utf8.contains(UInt8(ascii: "/")) else {
            throw ReferenceError(.host, text, "expected a host and perhaps a port, without scheme and path")
        }
        let nameEnd: String.Index
        if text.utf8.first == UInt8(ascii: "[") {
            guard let bracket = text.utf8.firstIndex(of: UInt8(ascii: "]")) else {
                throw ReferenceError(.host, text, "']' is missing")
            }
            nameEnd = text.utf8.index(after: bracket)
        } else {
            nameEnd = text.utf8.firstIndex(of: UInt8(ascii: ":")) ?? text.endIndex
        }
        let rest = text[nameEnd...]
        guard !rest.isEmpty else { return (String(text), nil) }
        let digits = rest[rest.utf8.index(after: rest.startIndex)...]
        guard rest.utf8.first == UInt8(ascii: ":"), !digits.isEmpty, digits.utf8.allSatisfy(\.isDigit),
            let port = UInt16(digits), port > 0
        else { throw ReferenceError(.host, text, "the port must be a number from 1 to 65535") }
        return (String(text[..<nameEnd]), Int(port))
    }

    /// RFC 4291, 2.2, without the mixed notation: eight groups, or fewer around one `::`.
    private static func isIPv6(_ text: Substring) -> Bool {
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        let groups = halves.flatMap { half in
            half.isEmpty ? [] : half.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        }
        let isComplete = halves.count == 1 ? groups.count == 8 : halves.count == 2 && groups.count < 8
        return isComplete
            && groups.allSatisfy { (1...4).contains($0.count) && $0.allSatisfy { $0.isDigit || $0.isHexLetter } }
    }
}

extension Dictionary where Key == RegistryHost {
    /// What is said of a registry, under whichever of its names (``RegistryHost/withoutUsualPort``).
    package subscript(meaning host: RegistryHost) -> Value? {
        if let value = self[host] { return value }
        let name = host.withoutUsualPort
        return first { $0.key.withoutUsualPort == name }?.value
    }
}

extension UInt8 {
    fileprivate var isHexLetter: Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
    }
}
