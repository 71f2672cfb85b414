/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
///
/// OCI distribution-spec 1.1.1, "Pulling manifests".
package struct TagName: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ text: some StringProtocol) throws(ReferenceError) {
        let bytes = text.utf8
        guard let first = bytes.first else { throw ReferenceError(.tag, text, "it is empty") }
        guard bytes.count <= 128 else { throw ReferenceError(.tag, text, "it is longer than 128 characters") }
        guard first.isAlphanumeric || first == UInt8(ascii: "_") else {
            throw ReferenceError(.tag, text, "it must start with a letter, a digit or '_'")
        }
        guard bytes.allSatisfy({ $0.isAlphanumeric || "._-".utf8.contains($0) }) else {
            throw ReferenceError(.tag, text, "only letters, digits, '.', '_' and '-' are allowed")
        }
        description = String(text)
    }
}

extension TagName: Comparable {
    package static func < (left: TagName, right: TagName) -> Bool {
        left.description.utf8.lexicographicallyPrecedes(right.description.utf8)
    }
}
