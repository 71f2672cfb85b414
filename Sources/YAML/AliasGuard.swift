import OCI
import Yams

/// Refuses texts that could take exponential time to compose.
///
/// Yams hashes a mapping's keys, and hashing a key that is an alias, or a collection with aliases in it, expands it;
/// values are shared and cost nothing. So a text is refused that has both such a key and enough aliases to grow far
/// beyond its size; either alone is harmless.
///
/// Where the aliases are is for the parser to say: it reads the text with another character in the place of each `*`
/// first, so that a plain scalar stands where an alias was, and nothing can grow.
struct AliasGuard {
    /// `n` aliases make a document at most e^(n/e) times as large: forty times for ten.
    private static let harmlessAliases = 10
    /// Of the private use area, and no indicator of YAML.
    private static let replacement: Unicode.Scalar = "\u{E000}"

    private let anchors: Set<String>
    private var aliases = 0
    /// Where the first alias is that is a key or stands in one.
    private var inKey: SourcePosition?

    /// - Throws: what is wrong with a text that may explode, and with one that is no YAML.
    static func check(_ text: String) throws(YAMLFailure) {
        let anchors = anchors(in: text)
        guard !anchors.isEmpty, text.utf8.count(where: { $0 == UInt8(ascii: "*") }) > harmlessAliases else { return }
        let scalars = text.unicodeScalars.map { $0 == "*" ? replacement : $0 }
        var composer = DuplicateTolerantComposer(text: String(String.UnicodeScalarView(scalars)))
        guard let root = try composer.compose() else { return }
        var search = AliasGuard(anchors: anchors)
        search.look(at: root, isKey: false)
        guard search.aliases > harmlessAliases, let position = search.inKey else { return }
        throw YAMLFailure(
            position: position,
            message: "too many YAML aliases together with keys that are not scalars"
        )
    }

    private init(anchors: Set<String>) {
        self.anchors = anchors
    }

    /// All that may be one.
    private static func anchors(in text: String) -> Set<String> {
        let pieces = text.unicodeScalars.split(separator: "&", omittingEmptySubsequences: false).dropFirst()
        return Set(pieces.map { name($0) }).subtracting([""])
    }

    /// What an anchor or an alias is called, as libyaml reads it.
    private static func name(_ text: some Collection<Unicode.Scalar>) -> String {
        let name = text.prefix { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789_-".unicodeScalars.contains(scalar))
        }
        return String(String.UnicodeScalarView(name))
    }

    private mutating func look(at node: Node, isKey: Bool) {
        switch node {
        case .scalar(let scalar): look(at: scalar, isKey: isKey)
        case .sequence(let items):
            for item in items { look(at: item, isKey: isKey) }
        case .mapping(let pairs):
            for (key, value) in pairs {
                look(at: key, isKey: true)
                look(at: value, isKey: isKey)
            }
        case .alias: break
        }
    }

    private mutating func look(at scalar: Node.Scalar, isKey: Bool) {
        let text = scalar.string.unicodeScalars
        guard scalar.style == .plain, text.first == Self.replacement else { return }
        let name = Self.name(text.dropFirst())
        guard anchors.contains(name) else { return }
        aliases += 1
        // An alias ends at a colon between brackets, where a plain scalar goes on: `{*a:b}`.
        let isFollowed = text.dropFirst(1 + name.unicodeScalars.count).first == ":"
        if isKey || isFollowed { inKey = inKey ?? SourcePosition(scalar.mark) }
    }
}
