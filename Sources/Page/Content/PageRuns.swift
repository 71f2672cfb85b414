package import OCI

/// The scheduled syncs of the page's server.
package struct PageRuns: Sendable {
    /// Whether one is under way.
    package var isRunning = false
    /// The latest first.
    package var ended: [PageRun] = []

    package init() {}

    /// The latest that had anything to do with a repository.
    func latest(of repository: RepositoryReference) -> PageRun? {
        ended.first { $0.repositories.contains(repository) }
    }
}

/// What one sync came to.
package struct PageRun: Sendable {
    /// A tag that failed, or a whole entry.
    package struct Failure: Hashable, Sendable {
        let repository: RepositoryReference
        let tag: TagName?
        /// One line; made safe when it is shown.
        let reason: String

        package init(_ repository: RepositoryReference, _ tag: TagName?, reason: String) {
            self.repository = repository
            self.tag = tag
            self.reason = reason
        }
    }

    /// In seconds since 1970.
    package let began: Int64
    package let ended: Int64
    package var tags = 0
    package var synced = 0
    package var failures: [Failure] = []
    /// What it looked at.
    package var repositories: Set<RepositoryReference> = []
    /// What went wrong beside its tags, or instead of them.
    package var problem: String?

    package init(began: Int64, ended: Int64) {
        self.began = began
        self.ended = ended
    }
}
