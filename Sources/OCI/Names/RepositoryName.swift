/// The name of a repository within its registry, such as `library/alpine`.
///
/// OCI distribution-spec 1.1.1, "Pulling manifests": components of lower-case letters and digits, joined inside by one
/// `.`, one or two `_` or any number of `-`, separated by `/`; at most 255 characters in all.
package struct RepositoryName: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ text: some StringProtocol) throws(ReferenceError) {
        guard !text.isEmpty else { throw ReferenceError(.repository, text, "it is empty") }
        guard text.utf8.count <= 255 else {
            throw ReferenceError(.repository, text, "it is longer than 255 characters")
        }
        for component in text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard Self.isComponent(Array(component)) else { throw Self.error(text) }
        }
        description = String(text)
    }

    /// Its components, in order; never empty.
    package var components: [Substring] { description.split(separator: "/") }

    private static func isComponent(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first, let last = bytes.last, first.isLowerAlphanumeric, last.isLowerAlphanumeric else {
            return false
        }
        let separators = bytes.split(whereSeparator: \.isLowerAlphanumeric)
        return separators.allSatisfy { run in
            let text = Array(run)
            return text == Array(".".utf8) || text == Array("_".utf8) || text == Array("__".utf8)
                || text.allSatisfy { $0 == UInt8(ascii: "-") }
        }
    }

    private static func error(_ text: some StringProtocol) -> ReferenceError {
        if text.utf8.contains(where: { $0.isAlphanumeric && !$0.isLowerAlphanumeric }) {
            return ReferenceError(.repository, text, "upper-case letters are not allowed")
        }
        return ReferenceError(
            .repository,
            text,
            "expected lower-case letters and digits, separated by '/', or inside by one '.', '_', '__' or '-'"
        )
    }
}

extension RepositoryName: Comparable {
    package static func < (left: RepositoryName, right: RepositoryName) -> Bool {
        left.description.utf8.lexicographicallyPrecedes(right.description.utf8)
    }
}
