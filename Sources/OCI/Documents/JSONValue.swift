/// One value of a JSON text, with the place where it stands.
///
/// Strict where leniency lets two readers see different documents: keys must be unique, text valid UTF-8. Order and
/// byte ranges are kept, so that parts can be copied without re-encoding them.
package struct JSONValue: Sendable {
    /// What the value is.
    package enum Content: Sendable {
        case object([Member])
        case array([JSONValue])
        case string(String)
        /// As written; ``JSONValue/integer`` gives it exactly.
        case number(String)
        case bool(Bool)
        case null
    }

    /// A key of an object and its value.
    package struct Member: Sendable {
        package let key: String
        package let value: JSONValue
    }

    package let content: Content
    /// Its bytes within the text.
    package let range: Range<Int>

    package var members: [Member]? {
        if case .object(let members) = content { members } else { nil }
    }

    package var elements: [JSONValue]? {
        if case .array(let elements) = content { elements } else { nil }
    }

    package var string: String? {
        if case .string(let string) = content { string } else { nil }
    }

    package var bool: Bool? {
        if case .bool(let bool) = content { bool } else { nil }
    }

    /// A whole number that fits, written without fraction or exponent.
    package var integer: Int64? {
        if case .number(let text) = content { Int64(text) } else { nil }
    }

    package var isNull: Bool {
        if case .null = content { true } else { false }
    }

    /// The member with exactly the key's bytes; `nil` when there is none, when it is `null`, or when this is not an object.
    package subscript(key: String) -> JSONValue? {
        guard let value = members?.first(where: { $0.key.utf8.elementsEqual(key.utf8) })?.value, !value.isNull else {
            return nil
        }
        return value
    }
}
