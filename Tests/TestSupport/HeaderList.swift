/// HTTP header fields in order; names compare without case.
package struct HeaderList: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// One header field.
    package struct Field: Sendable, Hashable {
        package let name: String
        package let value: String
    }

    /// The fields as they stand on the wire.
    package private(set) var fields: [Field] = []

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field(name: $0.0, value: $0.1) }
    }

    /// The first field of that name; setting it replaces all of them, `nil` removes them.
    package subscript(name: String) -> String? {
        get { all(name).first }
        set {
            fields.removeAll { Self.equal($0.name, name) }
            if let newValue { add(name, newValue) }
        }
    }

    /// Every field of that name.
    package func all(_ name: String) -> [String] {
        fields.filter { Self.equal($0.name, name) }.map(\.value)
    }

    /// Adds a field, beside any of the same name.
    package mutating func add(_ name: String, _ value: String) {
        fields.append(Field(name: name, value: value))
    }

    /// Sets every field of another list here.
    package mutating func merge(_ other: HeaderList) {
        for name in Set(other.fields.map { $0.name.lowercased() }) { self[name] = nil }
        fields += other.fields
    }

    private static func equal(_ left: String, _ right: String) -> Bool {
        left.lowercased() == right.lowercased()
    }
}
