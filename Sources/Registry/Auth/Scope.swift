import OCI

/// What is done with a repository; tokens are asked for no more than that.
package enum Access: Hashable, Sendable {
    case pull
    /// Reading and writing.
    case push
}

/// What one token allows.
struct Scope: Hashable, Sendable {
    let repository: RepositoryName
    let access: Access
    /// Another repository that blobs are mounted from.
    var source: RepositoryName?
    /// Actions that the registry has asked for beyond the usual ones, in order.
    var furtherActions: [String] = []
    /// Scopes that the registry has asked for by other names, as proxies do that rewrite paths.
    var further: [String] = []

    /// As they are asked for, `repository:<name>:<actions>`.
    var parameters: [String] {
        further + ["repository:\(repository):\(actions.joined(separator: ","))"]
            + (source.map { ["repository:\($0):pull"] } ?? [])
    }

    /// The scope with those that a challenge names besides, first: the registry knows itself by another name.
    ///
    /// - Parameter text: the challenge's `scope`, entries with blanks between.
    /// - Returns: `nil` when it names nothing but this repository and what it is mounted from.
    func merged(with text: String) -> Scope? {
        let own = [repository, source].compactMap(\.self).map { "repository:\($0):" }
        let named = Self.entries(of: text).filter { entry in !own.contains { entry.hasPrefix($0) } }
        guard !named.isEmpty, named != further else { return nil }
        var merged = self
        merged.further = named
        return merged
    }

    /// The entries of a challenge's `scope`; none where there are more than anybody needs.
    static func entries(of text: String) -> [String] {
        let entries = text.prefix(2048).split(separator: " ").map(String.init).filter { entry in
            entry.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } && entry.split(separator: ":").count >= 3
        }
        return entries.count <= 8 ? entries : []
    }

    private var actions: [String] { (access == .push ? ["pull", "push"] : ["pull"]) + furtherActions }

    /// The scope with what a challenge asks for besides, when that is more for the same repository.
    ///
    /// - Parameter text: the challenge's `scope`, entries with blanks between.
    /// - Returns: `nil` when it asks for nothing more, or for something else than actions on this repository.
    func widened(by text: String) -> Scope? {
        let prefix = "repository:\(repository):"
        let entry = text.prefix(2048).split(separator: " ").first { $0.hasPrefix(prefix) }
        let asked = entry.map { $0.dropFirst(prefix.count).split(separator: ",") } ?? []
        let further = Set(asked.map(String.init)).subtracting(actions)
        let isSound = further.allSatisfy { action in
            action == "*" || action.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "-") }
        }
        guard (1...8).contains(further.count), isSound else { return nil }
        var wider = self
        wider.furtherActions += further.sorted()
        return wider
    }
}
