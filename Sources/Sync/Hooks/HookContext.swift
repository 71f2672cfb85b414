package import OCI

/// What a hook is told about the entry, or the run, that it follows.
package struct HookContext: Hashable, Sendable {
    /// When a hook runs; a key below `hooks`.
    package enum Event: String, CaseIterable, Sendable {
        case postSync = "post_sync"
    }

    package let event: Event
    /// The entry's position in the configuration, from 0; `nil` for the hooks of the whole run.
    package let entry: Int?
    /// The entry's repositories; `nil` for the hooks of the whole run.
    package let source: RepositoryReference?
    package let target: RepositoryReference?
    /// The target tags that were written.
    package let tags: [TagName]
    package let synced: Int
    package let upToDate: Int
    /// Tags that failed, as the summary counts them.
    package let errors: Int
    /// Whether anything failed, tags or hooks: the status.
    package let hasFailed: Bool
    package let duration: Duration
    /// The path of the JSON report on what the hook follows; `nil` when none was written.
    package let report: String?

    package init(
        event: Event = .postSync,
        entry: Int? = nil,
        source: RepositoryReference? = nil,
        target: RepositoryReference? = nil,
        tags: [TagName] = [],
        synced: Int = 0,
        upToDate: Int = 0,
        errors: Int = 0,
        hasFailed: Bool = false,
        duration: Duration = .zero,
        report: String? = nil
    ) {
        self.event = event
        self.entry = entry
        self.source = source
        self.target = target
        self.tags = tags
        self.synced = synced
        self.upToDate = upToDate
        self.errors = errors
        self.hasFailed = hasFailed || errors > 0
        self.duration = duration
        self.report = report
    }
}
