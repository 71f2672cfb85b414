/// A password or token that does not show itself: not in logs, errors, reflection or the debugger's dump.
package struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    package init(_ value: String) {
        self.value = value
    }

    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// The text itself, for the one header or body that carries it.
    package var revealed: String { value }
}

/// How to introduce ourselves to one registry, and where we know it from.
package struct Credential: Hashable, Sendable {
    /// What is presented.
    package enum Kind: Hashable, Sendable {
        /// Sent as Basic authorization to the token service, or to a registry that asked for Basic.
        case basic(user: String, password: Secret)
        /// Sent as it is as Bearer authorization to the registry.
        case bearer(Secret)
        /// An OAuth2 refresh token, exchanged at the token service.
        case identity(Secret)
    }

    /// Where it was found, for messages.
    package enum Source: Hashable, Sendable {
        /// `IMGLIFE_<HOST>_…`; the text is the part up to `<HOST>`, such as `IMGLIFE_REGISTRY_5000`.
        case environment(prefix: String)
        /// `CI_JOB_TOKEN`.
        case continuousIntegration
        /// A docker or containers configuration file.
        case file(String)
        /// A docker credential program, `docker-credential-<name>`.
        case program(String)
    }

    package let kind: Kind
    package let source: Source

    package init(kind: Kind, source: Source) {
        self.kind = kind
        self.source = source
    }

    /// The user's name, where there is one.
    package var user: String? {
        if case .basic(let user, _) = kind { user } else { nil }
    }
}
