package import Lifecycle
import OCI

extension SyncReport {
    /// The rows whose support is tracked: synced or up to date, and of an entry with `lifecycle`.
    private func tracked(by configuration: Configuration) -> [(tag: TagName, tracking: LifecycleTracking)] {
        rows.compactMap { row in
            guard row.status != .failed, let tag = row.targetTag,
                let tracking = configuration.entries[row.entry].lifecycle
            else { return nil }
            return (tag, tracking)
        }
    }

    /// The products that the tracked rows belong to; empty when nothing needs to be asked.
    package func lifecycleProducts(_ configuration: Configuration) -> Set<String> {
        Set(tracked(by: configuration).map(\.tracking.product))
    }

    /// How many of the tracked rows are in which state of support.
    ///
    /// - Parameters:
    ///   - configuration: the run's own.
    ///   - catalogue: what is known.
    ///   - today: the day in UTC.
    /// - Returns: figures of no tag when none is tracked.
    package func lifecycleFigures(
        _ configuration: Configuration,
        _ catalogue: LifecycleCatalogue,
        today: CalendarDate
    ) -> LifecycleFigures {
        LifecycleFigures(
            tracked(by: configuration).map { catalogue.status(of: $0.tag, tracking: $0.tracking, today: today) }
        )
    }
}
