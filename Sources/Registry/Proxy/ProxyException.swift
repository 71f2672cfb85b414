import Glibc

/// One entry of `NO_PROXY`.
///
/// `*`; a domain, which covers its subdomains with or without a leading dot; an address; a network as `10.0.0.0/8` or
/// `fd00::/8`. All but networks may name a port.
enum ProxyException: Hashable, Sendable {
    case everything
    case domain(String, port: Int?)
    case network(IPAddress, bits: Int)

    /// - Returns: `nil` for an entry that says nothing.
    init?(_ text: some StringProtocol) {
        let entry = text.lowercased()
        if entry == "*" {
            self = .everything
            return
        }
        if let slash = entry.firstIndex(of: "/") {
            guard let address = IPAddress(entry[..<slash]), let bits = Int(entry[entry.index(after: slash)...]),
                (0...address.bytes.count * 8).contains(bits)
            else { return nil }
            self = .network(address, bits: bits)
            return
        }
        if let address = IPAddress(entry) {
            self = .network(address, bits: address.bytes.count * 8)
            return
        }
        var name = entry[...]
        var port: Int?
        if let colon = entry.lastIndex(of: ":"), let number = Int(entry[entry.index(after: colon)...]) {
            name = entry[..<colon]
            port = number
        }
        if name.hasPrefix("*.") { name = name.dropFirst() }
        if name.hasPrefix(".") { name = name.dropFirst() }
        guard !name.isEmpty else { return nil }
        self = .domain(String(name), port: port)
    }

    /// Whether it covers a host, in lower case, an IPv6 address in brackets.
    func matches(host: String, port: Int) -> Bool {
        switch self {
        case .everything: true
        case .domain(let name, let only):
            (only == nil || only == port) && (host == name || host.hasSuffix("." + name))
        case .network(let network, let bits):
            IPAddress(host).map { network.contains($0, bits: bits) } ?? false
        }
    }
}

/// An IPv4 or IPv6 address in its usual written form; an IPv4 address mapped into IPv6 counts as IPv4.
struct IPAddress: Hashable, Sendable {
    /// 4 or 16.
    let bytes: [UInt8]

    init?(_ text: some StringProtocol) {
        let bare = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : String(text)
        guard let bytes = Self.bytes(bare, AF_INET, count: 4) ?? Self.bytes(bare, AF_INET6, count: 16) else {
            return nil
        }
        let isMapped =
            bytes.count == 16 && bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 255 && bytes[11] == 255
        self.bytes = isMapped ? Array(bytes.suffix(4)) : bytes
    }

    /// Whether the first `bits` bits of both are the same.
    func contains(_ other: IPAddress, bits: Int) -> Bool {
        guard bytes.count == other.bytes.count else { return false }
        return (0..<bits).allSatisfy { bit in
            (bytes[bit / 8] ^ other.bytes[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
        }
    }

    private static func bytes(_ text: String, _ family: Int32, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }
}
