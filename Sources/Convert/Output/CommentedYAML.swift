import OCI

/// A YAML document in memory that keeps the comments beside its values, and its one writer.
package indirect enum CommentedYAML {
    /// A text, quoted where it needs to be.
    case scalar(String)
    /// A number or a boolean.
    case bare(String)
    /// Written on one line: `[linux/amd64, linux/arm64]`.
    case flow([String])
    case list([Item])
    case mapping([Pair])

    package struct Item {
        var comments: [String] = []
        /// `nil` for comments that stand in the list without a value.
        var value: CommentedYAML?
    }

    package struct Pair {
        var comments: [String] = []
        let key: String
        var value: CommentedYAML
    }

    /// The document's text, with a newline at its end.
    package var text: String {
        lines(indent: 0).joined(separator: "\n") + "\n"
    }

    /// How many values a reader of the document finds, keys among them.
    package var nodes: Int {
        switch self {
        case .scalar, .bare: 1
        case .flow(let texts): 1 + texts.count
        case .list(let items): items.reduce(1) { $0 + ($1.value?.nodes ?? 0) }
        case .mapping(let pairs): pairs.reduce(1) { $0 + 1 + $1.value.nodes }
        }
    }

    private func lines(indent: Int) -> [String] {
        switch self {
        case .scalar, .bare, .flow: [Self.spaces(indent) + inline]
        case .mapping(let pairs): pairs.flatMap { $0.lines(indent: indent) }
        case .list(let items): items.flatMap { $0.lines(indent: indent) }
        }
    }

    /// What stands on one line; empty for blocks.
    fileprivate var inline: String {
        switch self {
        case .scalar(let text): Self.quoted(text)
        case .bare(let text): text
        case .flow(let texts): "[\(texts.map(Self.quotedInFlow).joined(separator: ", "))]"
        case .list(let items): items.contains { $0.value != nil } ? "" : "[]"
        case .mapping(let pairs): pairs.isEmpty ? "{}" : ""
        }
    }

    fileprivate static func spaces(_ count: Int) -> String { String(repeating: " ", count: count) }

    /// A comment's lines, wrapped between words; whatever breaks a line has been made visible before.
    fileprivate static func comment(_ text: String, indent: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, indent + 3 + line.count + word.count > 118 {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        lines.append(line)
        return lines.map { spaces(indent) + ($0.isEmpty ? "#" : "# \($0.displayedWithoutSecrets(limit: 2000))") }
    }
}

extension CommentedYAML.Pair {
    fileprivate func lines(indent: Int) -> [String] {
        let comments = comments.flatMap { CommentedYAML.comment($0, indent: indent) }
        let name = CommentedYAML.spaces(indent) + CommentedYAML.quoted(key) + ":"
        let inline = value.inline
        guard inline.isEmpty else { return comments + ["\(name) \(inline)"] }
        return comments + [name] + value.lines(indent: indent + 2)
    }
}

extension CommentedYAML.Item {
    fileprivate func lines(indent: Int) -> [String] {
        let comments = comments.flatMap { CommentedYAML.comment($0, indent: indent) }
        guard let value else { return comments }
        // The first line that is no comment carries the dash.
        var lines = value.lines(indent: indent + 2)
        guard let first = lines.firstIndex(where: { !$0.drop { $0 == " " }.hasPrefix("#") }) else { return comments }
        lines[first] = CommentedYAML.spaces(indent) + "- " + lines[first].dropFirst(indent + 2)
        return comments + lines
    }
}
