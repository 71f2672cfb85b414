/// Tells whether composing a text could take exponential time.
///
/// Yams hashes a mapping's keys, and hashing a key that is an alias, or a collection with aliases in it, expands it;
/// values are shared and cost nothing. So a text is refused that has both such a key and enough aliases to grow far
/// beyond its size. The scan knows no quotes and so errs on the side of refusing; either finding alone is harmless.
struct AliasGuard {
    /// `n` aliases make a document at most e^(n/e) times as large: forty times for ten.
    private static let harmlessAliases = 10

    static func mayExplode(_ text: String) -> Bool {
        var scan = AliasGuard(bytes: Array(text.utf8))
        scan.run()
        return scan.aliases > harmlessAliases && scan.hasAliasInKey
    }

    private let bytes: [UInt8]
    private var aliases = 0
    private var hasAliasInKey = false
    /// For each open bracket, whether an alias stands in it.
    private var brackets: [Bool] = []
    private var lastSignificant = UInt8(ascii: "\n")

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func run() {
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                brackets.append(false)
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                close(at: index)
            case UInt8(ascii: "*") where index == 0 || Self.mayPrecedeToken(bytes[index - 1]):
                alias(at: index)
            case UInt8(ascii: "?") where "\n-?{[,:".utf8.contains(lastSignificant) && isBlank(index + 1):
                hasAliasInKey = true
            default:
                break
            }
            if byte == UInt8(ascii: "\n") || !isBlank(index) { lastSignificant = byte }
        }
    }

    private mutating func close(at index: Int) {
        let hadAlias = brackets.popLast() ?? true
        if hadAlias, let outer = brackets.indices.last { brackets[outer] = true }
        if hadAlias, isKey(endingBefore: index + 1) { hasAliasInKey = true }
    }

    private mutating func alias(at index: Int) {
        aliases += 1
        if let inner = brackets.indices.last { brackets[inner] = true }
        let name = bytes[(index + 1)...].prefix { !" \t\r\n,:]}".utf8.contains($0) }
        if isKey(endingBefore: name.endIndex) { hasAliasInKey = true }
    }

    private func isKey(endingBefore index: Int) -> Bool {
        var next = index
        while next < bytes.count, isBlank(next) { next += 1 }
        return next < bytes.count && bytes[next] == UInt8(ascii: ":")
    }

    private func isBlank(_ index: Int) -> Bool {
        index >= bytes.count || " \t\r\n".utf8.contains(bytes[index])
    }

    private static func mayPrecedeToken(_ byte: UInt8) -> Bool { " \t\r\n[{,?:-".utf8.contains(byte) }
}
