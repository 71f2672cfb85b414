import OCI
import Sync
import YAML

/// A value of another tool's file, whether that was YAML or JSON.
///
/// Scalars keep their text: `3.10` is no number, `no` is no boolean.
indirect enum ForeignValue {
    case null
    case scalar(String)
    case list([ForeignValue])
    case mapping([Pair])

    struct Pair {
        let key: String
        let value: ForeignValue
        /// The key's, in YAML.
        var position: SourcePosition?

        /// Where it stands, to be added to what is said of it; empty where that is not known.
        var place: String { position.map { " (line \($0.line), column \($0.column))" } ?? "" }
    }

    /// A node of a text before which `offset` lines of the file stand.
    init(_ node: YAMLNode, after offset: Int = 0) {
        if node.isNull {
            self = .null
            return
        }
        switch node.content {
        case .scalar(let text, _): self = .scalar(text)
        case .sequence(let nodes): self = .list(nodes.map { Self($0, after: offset) })
        case .mapping(let pairs):
            if let template = Self.template(pairs) {
                self = .scalar(template)
                return
            }
            self = .mapping(
                pairs.compactMap { key, value in
                    guard case .scalar(let name, _) = key.content else { return nil }
                    let position = SourcePosition(line: key.position.line + offset, column: key.position.column)
                    return Pair(key: name, value: Self(value, after: offset), position: position)
                }
            )
        }
    }

    /// The text of a template that nobody has expanded: `{{ .Values.image }}` is a mapping in a mapping to YAML.
    private static func template(_ pairs: [(key: YAMLNode, value: YAMLNode)]) -> String? {
        guard pairs.count == 1, let (outer, nothing) = pairs.first, nothing.isNull,
            case .mapping(let inner) = outer.content, inner.count == 1, let (name, value) = inner.first, value.isNull,
            case .scalar(let text, _) = name.content
        else { return nil }
        return "{{ \(text) }}"
    }

    init(_ value: JSONValue) {
        switch value.content {
        case .null: self = .null
        case .string(let text), .number(let text): self = .scalar(text)
        case .bool(let value): self = .scalar(value ? "true" : "false")
        case .array(let elements): self = .list(elements.map(Self.init))
        case .object(let members): self = .mapping(members.map { Pair(key: $0.key, value: Self($0.value)) })
        }
    }

    var isNull: Bool {
        if case .null = self { true } else { false }
    }

    var text: String? {
        if case .scalar(let text) = self { text } else { nil }
    }

    var elements: [ForeignValue]? {
        if case .list(let elements) = self { elements } else { nil }
    }

    var pairs: [Pair]? {
        if case .mapping(let pairs) = self { pairs } else { nil }
    }

    /// The texts of a list, or of a single scalar in its place.
    var texts: [String] {
        elements?.compactMap(\.text) ?? text.map { [$0] } ?? []
    }

    /// The texts of a list, or of a single scalar in its place; `nil` where it is, or holds, anything else.
    var onlyTexts: [String]? {
        let texts = texts
        return texts.count == elements?.count ?? (text == nil ? nil : 1) ? texts : nil
    }

    /// YAML's spellings of true and false.
    var bool: Bool? {
        switch text?.lowercased() {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: nil
        }
    }

    subscript(key: String) -> ForeignValue? {
        guard let value = pairs?.first(where: { $0.key == key })?.value else { return nil }
        if case .null = value { return nil }
        return value
    }
}
