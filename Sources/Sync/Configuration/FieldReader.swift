import OCI

/// A value of the document and the path that leads to it.
struct Field {
    let node: YAMLNode
    let path: String

    var position: SourcePosition { node.position }
}

/// The values of a mapping by their keys.
struct Fields {
    let mapping: Field
    fileprivate let values: [String: Field]

    /// `nil` when the key is missing, or its value empty or null.
    subscript(_ key: String) -> Field? {
        values[key].flatMap { $0.node.isNull ? nil : $0 }
    }
}

/// Decodes the document's pieces and gathers what is wrong with them.
///
/// Every method returns `nil`, or leaves out a list's element, after it has noted the problem; so that reading goes on
/// and one run finds all of them.
struct FieldReader {
    let file: String
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var warnings: [ConfigurationProblem] = []

    init(file: String) {
        self.file = file
    }

    mutating func fail(_ field: Field, _ message: String) {
        fail(at: field.position, field.path, message)
    }

    mutating func fail(at position: SourcePosition, _ path: String, _ message: String) {
        problems.append(ConfigurationProblem(file: file, position: position, path: path, message: message))
    }

    mutating func warn(_ field: Field, _ message: String) {
        warnings.append(
            ConfigurationProblem(file: file, position: field.position, path: field.path, message: message)
        )
    }
}

extension FieldReader {
    /// A mapping with these keys only.
    mutating func mapping(_ field: Field, keys known: [String]) -> Fields? {
        guard let fields = mapping(field) else { return nil }
        for (key, value) in fields.ordered where !known.contains(key) {
            let meant = NearestName.suggestion(for: key, among: known)
            let hint = meant.map { "did you mean '\($0)'?" } ?? "the keys here are \(known.joined(separator: ", "))"
            fail(at: value.keyPosition, value.field.path, "unknown key; \(hint)")
        }
        return Fields(mapping: field, values: Dictionary(fields.ordered.map { ($0, $1.field) }) { first, _ in first })
    }

    /// A mapping whose keys are names that the user chose, in the document's order.
    mutating func mapping(_ field: Field) -> OrderedFields? {
        guard case .mapping(let pairs) = field.node.content else {
            fail(field, "must be a mapping, not \(field.node.shown)")
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

    /// The elements of a list; a list that is not one has none.
    mutating func list(_ field: Field?, example: String) -> [Field] {
        guard let field else { return [] }
        guard case .sequence(let nodes) = field.node.content else {
            fail(field, "must be a list, such as \(example), not \(field.node.shown)")
            return []
        }
        return nodes.enumerated().map { Field(node: $1, path: "\(field.path)[\($0)]") }
    }
}

/// A mapping's values with their keys' positions, in the document's order.
struct OrderedFields {
    fileprivate(set) var ordered: [(key: String, value: (field: Field, keyPosition: SourcePosition))] = []
}
