import OCI

/// Checks a JSON value against a schema of draft 2020-12, as far as the published schemas use it.
struct SchemaValidator {
    private static let annotations: Set<String> = ["$schema", "$defs", "title", "description", "default", "deprecated"]

    private let root: JSONValue
    /// Whether keys that the schema does not have are wrong where it does not say what others may be.
    private let isClosed: Bool

    init(_ schema: String, isClosed: Bool = false) throws {
        self.isClosed = isClosed
        root = try JSONValue(parsing: Array(schema.utf8))
    }

    /// What is wrong, each with the place in the document; a keyword that this does not know is wrong too.
    func problems(_ document: String) throws -> [String] {
        check(try JSONValue(parsing: Array(document.utf8)), root, "$")
    }

    /// The schema of a place such as `sync.entries[].hooks`.
    func schema(at path: String) -> JSONValue? {
        path.split(separator: ".").reduce(root as JSONValue?) { schema, name in
            let isList = name.hasSuffix("[]")
            let key = String(isList ? name.dropLast(2) : name)
            let resolved = schema.map(resolved)
            let next = key == "*" ? resolved?["additionalProperties"] : resolved?["properties"]?[key]
            let value = next.map { self.resolved($0) }
            return isList ? value?["items"].map { self.resolved($0) } : value
        }
        .map(resolved)
    }

    private func resolved(_ schema: JSONValue) -> JSONValue {
        guard let reference = schema["$ref"]?.string else { return schema }
        return root["$defs"]?[String(reference.dropFirst("#/$defs/".count))] ?? schema
    }

    private func check(_ value: JSONValue, _ schema: JSONValue, _ path: String) -> [String] {
        if schema.bool == true { return [] }
        if schema.bool == false { return ["\(path): not allowed"] }
        return (schema.members ?? []).flatMap { keyword -> [String] in
            Self.annotations.contains(keyword.key) ? [] : apply(keyword, value, schema, path)
        }
    }

    private func apply(_ keyword: JSONValue.Member, _ value: JSONValue, _ schema: JSONValue, _ path: String) -> [String]
    {
        let rule = keyword.value
        func demand(_ isRight: Bool) -> [String] { isRight ? [] : ["\(path): \(keyword.key)"] }
        switch keyword.key {
        case "$ref":
            return schema["$ref"].map { _ in check(value, resolved(schema), path) } ?? []
        case "type":
            let names = rule.string.map { [$0] } ?? rule.elements?.compactMap(\.string) ?? []
            return demand(names.contains { Self.isType($0, value) })
        case "enum": return demand(rule.elements?.contains { $0.isSame(as: value) } ?? false)
        case "const": return demand(rule.isSame(as: value))
        case "minimum": return demand(value.number.map { $0 >= rule.number ?? .infinity } ?? true)
        case "maximum": return demand(value.number.map { $0 <= rule.number ?? -.infinity } ?? true)
        case "minLength": return demand(value.string.map { $0.unicodeScalars.count >= rule.integer ?? .max } ?? true)
        case "maxLength": return demand(value.string.map { $0.unicodeScalars.count <= rule.integer ?? -1 } ?? true)
        case "minItems": return demand(value.elements.map { $0.count >= rule.integer ?? .max } ?? true)
        case "pattern":
            guard let text = value.string else { return [] }
            return demand((try? Regex(rule.string ?? "").firstMatch(in: text)) != nil)
        case "oneOf":
            return demand(rule.elements?.count { check(value, $0, path).isEmpty } == 1)
        default:
            return applyToParts(keyword, value, schema, path)
        }
    }

    private func applyToParts(
        _ keyword: JSONValue.Member,
        _ value: JSONValue,
        _ schema: JSONValue,
        _ path: String
    ) -> [String] {
        let members = value.members ?? []
        switch keyword.key {
        case "required":
            let missing = (keyword.value.elements ?? []).compactMap(\.string).filter { key in
                value.members != nil && !members.contains { $0.key == key }
            }
            return missing.map { "\(path): required \($0)" }
        case "properties":
            let isOpen = !isClosed || schema["additionalProperties"] != nil
            return members.flatMap { member in
                keyword.value[member.key].map { check(member.value, $0, "\(path).\(member.key)") }
                    ?? (isOpen ? [] : ["\(path).\(member.key): not described"])
            }
        case "additionalProperties":
            let isFree: (String) -> Bool = { key in
                schema["patternProperties"]?.members?.contains { key.hasPrefix($0.key.dropFirst()) } == true
            }
            let others = members.filter { schema["properties"]?[$0.key] == nil && !isFree($0.key) }
            return others.flatMap { check($0.value, keyword.value, "\(path).\($0.key)") }
        case "patternProperties":
            // Only prefixes whose values are free.
            return (keyword.value.members ?? []).filter { !$0.key.hasPrefix("^") || $0.value.bool != true }.map(\.key)
        case "minProperties":
            return Double(members.count) < keyword.value.number ?? 0 ? ["\(path): too few keys"] : []
        case "propertyNames":
            return members.flatMap { member -> [String] in
                let name = try? JSONValue(parsing: Array(JSONText.quoted(member.key).utf8))
                return name.map { check($0, keyword.value, "\(path).\(member.key)") } ?? ["\(path).\(member.key)"]
            }
        case "items":
            return (value.elements ?? []).enumerated().flatMap { check($1, keyword.value, "\(path)[\($0)]") }
        default:
            return ["\(path): unknown keyword \(keyword.key)"]
        }
    }

    private static func isType(_ name: String, _ value: JSONValue) -> Bool {
        switch name {
        case "object": value.members != nil
        case "array": value.elements != nil
        case "string": value.string != nil
        case "integer": value.integer != nil
        case "number": value.number != nil
        case "boolean": value.bool != nil
        case "null": value.isNull
        default: false
        }
    }
}

extension JSONValue {
    var number: Double? {
        if case .number(let text) = content { Double(text) } else { nil }
    }

    /// For scalars.
    func isSame(as other: JSONValue) -> Bool {
        switch (content, other.content) {
        case (.string(let left), .string(let right)): left == right
        case (.number, .number): number == other.number
        case (.bool(let left), .bool(let right)): left == right
        case (.null, .null): true
        default: false
        }
    }
}
