import OCI

/// A piece of a YAML document, with its place in the text and all aliases expanded.
package struct YAMLNode {
    package indirect enum Content {
        /// A scalar's text, whatever type YAML would give it: `3.10` stays `3.10`, `no` stays `no`.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        case mapping([(key: YAMLNode, value: YAMLNode)])
    }

    package let position: SourcePosition
    package let content: Content

    package init(position: SourcePosition, content: Content) {
        self.position = position
        self.content = content
    }

    /// Whether nothing was written: an empty plain scalar, `~` or `null`.
    package var isNull: Bool {
        guard case .scalar(let text, isPlain: true) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// The name in the first `${NAME}` of a scalar, with or without a default as in `${NAME:-value}`.
    package var variable: Substring? {
        guard case .scalar(let text, _) = content else { return nil }
        let parts = text.split(separator: "${", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let end = parts[1].firstIndex(of: "}") else { return nil }
        let name = parts[1][..<end].prefix { $0 != ":" && $0 != "-" }
        let isWord = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        return name.isEmpty || !isWord ? nil : name
    }

    /// What it is, for messages: `a list`, or the scalar's own text in quotes.
    package var shown: String {
        switch content {
        case .scalar(let text, _): isNull ? "empty" : "'\(text.displayedWithoutSecrets)'"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
