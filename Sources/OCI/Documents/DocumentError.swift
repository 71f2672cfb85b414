/// Why some bytes are not a manifest, an index or a config that may be used.
package struct DocumentError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong.
    package enum Kind: String, Sendable {
        /// Not JSON, or JSON that two readers may understand differently.
        case syntax
        /// JSON, but not what the specification says.
        case structure
        /// Two parts of it, or it and what led to it, contradict each other.
        case confusion
        /// Beyond a bound.
        case tooLarge
        /// A format that is not mirrored.
        case unsupported
        /// Other bytes than those that the digest names.
        case digestMismatch
    }

    package let kind: Kind
    package let reason: String

    package init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    package var description: String { reason }
}
