/// A value of the document and the path that leads to it.
package struct Field {
    package let node: YAMLNode
    package let path: String

    package init(node: YAMLNode, path: String) {
        self.node = node
        self.path = path
    }

    package var position: SourcePosition { node.position }
}

/// The values of a mapping by their keys.
package struct Fields {
    package let mapping: Field
    fileprivate let values: [String: Field]

    /// Those with a value, in no order.
    package var all: some Sequence<(key: String, value: Field)> { values.lazy.map { ($0.key, $0.value) } }

    /// `nil` when the key is missing, or its value empty or null.
    package subscript(_ key: String) -> Field? {
        values[key].flatMap { $0.node.isNull ? nil : $0 }
    }
}

/// Decodes the document's pieces and gathers what is wrong with them.
///
/// Every method returns `nil`, or leaves out a list's element, after it has noted the problem; so that reading goes on
/// and one run finds all of them.
package struct FieldReader {
    package let file: String
    package private(set) var problems: [ConfigurationProblem] = []
    package private(set) var warnings: [ConfigurationProblem] = []
    /// Values that name something outside of the document; see ``mentioned(_:mayHaveLines:)``.
    package private(set) var mentions: [Field] = []

    package init(file: String) {
        self.file = file
    }

    package mutating func fail(_ field: Field, _ message: String) {
        let hint = field.node.variable.map { "; '${\($0)}' is not substituted" } ?? ""
        fail(at: field.position, field.path, message + hint)
    }

    package mutating func fail(at position: SourcePosition, _ path: String, _ message: String) {
        problems.append(ConfigurationProblem(file: file, position: position, path: path, message: message))
    }

    /// A string that names a file or a program, for those who look whether it is there.
    package mutating func mentioned(_ field: Field?, mayHaveLines: Bool = false) -> String? {
        guard let text = string(field, mayHaveLines: mayHaveLines), let field else { return nil }
        mentions.append(field)
        return text
    }

    package mutating func warn(_ field: Field, _ message: String) {
        warnings.append(
            ConfigurationProblem(file: file, position: field.position, path: field.path, message: message)
        )
    }
}

extension FieldReader {
    /// The document's root; `nil` when it has none, or cannot be read, which is noted.
    package mutating func document(_ yaml: String) -> Field? {
        do throws(YAMLFailure) {
            let document = try YAMLDocument(yaml)
            for field in document.misplaced { fail(at: field.position, field.path, field.message) }
            return document.root.flatMap { $0.isNull ? nil : Field(node: $0, path: "") }
        } catch {
            fail(at: error.position, error.path, error.message)
            return nil
        }
    }

    /// A mapping with these keys only, and those that begin with `freePrefix`, whose values are nobody's business.
    ///
    /// What other keys should be that people write there is said as the advice has it.
    package mutating func mapping(
        _ field: Field,
        keys known: [String],
        freePrefix: String? = nil,
        advice: [String: String] = [:]
    ) -> Fields? {
        guard var fields = mapping(field, example: known.first) else { return nil }
        if let freePrefix { fields.ordered.removeAll { $0.key.hasPrefix(freePrefix) } }
        for (key, value) in fields.ordered where !known.contains(key) {
            let meant = NearestName.suggestion(for: key, among: known)
            let hint =
                advice[key] ?? meant.map { "did you mean '\($0)'?" }
                ?? "the keys here are \(known.joined(separator: ", "))"
            fail(at: value.keyPosition, value.field.path, "unknown key; \(hint)")
        }
        return Fields(mapping: field, values: Dictionary(fields.ordered.map { ($0, $1.field) }) { first, _ in first })
    }

    /// A mapping whose keys are names that the user chose, in the document's order.
    package mutating func mapping(_ field: Field, example: String? = nil) -> OrderedFields? {
        guard case .mapping(let pairs) = field.node.content else {
            let keys = example.map { " with keys such as '\($0)'" } ?? ""
            fail(field, "must be a mapping\(keys), not \(field.node.shown)")
            return nil
        }
        var result = OrderedFields()
        for (key, value) in pairs {
            guard case .scalar(let name, _) = key.content else {
                fail(at: key.position, field.path, "a key must be a string, not \(key.shown)")
                continue
            }
            let path = key.path(below: field.path)
            // An empty value's own mark lies behind the line, or on the next one.
            let node = value.isNull ? YAMLNode(position: key.position, content: value.content) : value
            result.ordered.append((name, (Field(node: node, path: path), key.position)))
        }
        return result
    }

    /// A field without which its mapping means nothing; where it is missing its meaning is told.
    package mutating func required<T>(
        _ key: String,
        of fields: Fields,
        meaning: String,
        _ read: (inout FieldReader, Field) -> T?
    ) -> T? {
        guard let field = fields[key] else {
            fail(fields.mapping, "the key '\(key)' is missing; it is \(meaning)")
            return nil
        }
        return read(&self, field)
    }

    /// The elements of a list; a list that is not one has none.
    package mutating func list(_ field: Field?, example: String) -> [Field] {
        guard let field else { return [] }
        guard case .sequence(let nodes) = field.node.content else {
            fail(field, "must be a list, such as \(example), not \(field.node.shown)")
            return []
        }
        return nodes.enumerated().map { Field(node: $1, path: "\(field.path)[\($0)]") }
    }
}

/// A mapping's values with their keys' positions, in the document's order.
package struct OrderedFields {
    package fileprivate(set) var ordered: [(key: String, value: (field: Field, keyPosition: SourcePosition))] = []
}
