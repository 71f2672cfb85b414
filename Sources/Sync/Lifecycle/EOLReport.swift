package import OCI

/// The lifecycle report of mirrored tags: what `imglife eol` prints.
package struct EOLReport: Sendable {
    /// One mirrored tag.
    package struct Row: Hashable, Sendable {
        package let source: RepositoryReference
        package let status: LifecycleStatus

        package init(source: RepositoryReference, status: LifecycleStatus) {
            self.source = source
            self.status = status
        }
    }

    /// The day for which days are counted.
    package let today: CalendarDate
    /// In the order in which they are shown.
    package let rows: [Row]

    package init(today: CalendarDate, rows: [Row]) {
        self.today = today
        self.rows = rows
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
