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

    /// As they are asked for, `repository:<name>:<actions>`.
    var parameters: [String] {
        let actions = access == .push ? "pull,push" : "pull"
        return ["repository:\(repository):\(actions)"] + (source.map { ["repository:\($0):pull"] } ?? [])
    }
}
