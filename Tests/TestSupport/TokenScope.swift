/// What a token allows: actions on one repository.
///
/// Distribution, "Token Scope Documentation".
package struct TokenScope: Sendable, Hashable, CustomStringConvertible {
    package let repository: String
    package let actions: Set<String>

    package init(repository: String, actions: Set<String>) {
        self.repository = repository
        self.actions = actions
    }

    /// Parses `repository:name:action,action`.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 3, parts[0] == "repository", let actions = parts.last else { return nil }
        self.init(
            repository: parts[1..<(parts.count - 1)].joined(separator: ":"),
            actions: Set(actions.split(separator: ",").map(String.init))
        )
    }

    package var description: String {
        "repository:\(repository):\(actions.sorted().joined(separator: ","))"
    }

    func covers(_ other: TokenScope) -> Bool {
        repository == other.repository && other.actions.isSubset(of: actions)
    }
}
