package import OCI

/// The lifecycle report of mirrored tags: what `imglife eol` prints.
package struct EOLReport: Sendable {
    /// One mirrored tag.
    package struct Row: Hashable, Sendable {
        /// Where it came from.
        package let source: RepositoryReference
        /// Where it is; the status is about its name there.
        package let target: RepositoryReference
        package let status: LifecycleStatus

        package init(source: RepositoryReference, target: RepositoryReference, status: LifecycleStatus) {
            self.source = source
            self.target = target
            self.status = status
        }
    }

    /// An entry whose mirrored tags could not be learnt.
    package struct Failure: Hashable, Sendable {
        package let source: RepositoryReference
        package let target: RepositoryReference
        /// One line, safe to show.
        package let reason: String

        package init(source: RepositoryReference, target: RepositoryReference, reason: String) {
            self.source = source
            self.target = target
            self.reason = reason
        }
    }

    /// The day for which days are counted.
    package let today: CalendarDate
    /// In the order in which they are shown.
    package let rows: [Row]
    /// In the configuration's order.
    package let failures: [Failure]

    package init(today: CalendarDate, rows: [Row], failures: [Failure] = []) {
        self.today = today
        self.rows = rows
        self.failures = failures
    }

    /// The rows whose end of life has come or comes within so many days: why `--fail-within` exits with 1.
    ///
    /// Tags about whose end nothing is known are not among them.
    package func ending(within limit: DayCount) -> [Row] {
        rows.filter { row in
            row.status.isEnded || row.status.daysLeft.map { $0 <= limit.days } ?? false
        }
    }
}
