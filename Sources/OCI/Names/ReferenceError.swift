/// Why a text is not a digest, tag, repository, host, reference, media type or platform.
package struct ReferenceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the text was meant to be.
    package enum Kind: String, Sendable {
        case digest
        case tag
        case repository
        case host
        case reference
        case mediaType = "media type"
        case platform
    }

    package let kind: Kind
    package let text: String
    package let reason: String

    package init(_ kind: Kind, _ text: some StringProtocol, _ reason: String) {
        self.kind = kind
        self.text = String(text)
        self.reason = reason
    }

    package var description: String {
        "invalid \(kind.rawValue) '\(text.displayedWithoutSecrets)': \(reason)"
    }
}
