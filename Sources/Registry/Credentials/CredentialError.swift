/// Why credentials that are configured cannot be used.
///
/// Never holds a secret. A registry whose credentials fail this way is not tried anonymously, and no other source of
/// credentials is asked in its place.
package struct CredentialError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, a sentence each.
    package let problems: [String]

    init(_ problems: [String]) {
        self.problems = problems
    }

    init(_ problem: String) {
        self.init([problem])
    }

    package var description: String { problems.joined(separator: "; ") }
}
