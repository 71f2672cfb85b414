package import FoundationEssentials
package import OCI

/// What one run came to: a row for every tag of every entry.
package struct SyncReport: Sendable {
    /// How a tag ended.
    package enum Status: String, Sendable {
        case synced
        case upToDate = "up-to-date"
        case failed
    }

    /// In the order of the configuration, and within an entry newest tag first.
    package var rows: [Row] = []
    package var isDryRun = false
    /// From the beginning of the run until the last of its hooks has ended, or so far.
    package var duration: Duration = .zero
    /// What has passed for tags that have no row, because the run was stopped, and to choose tags.
    package var bytesBesideRows = ByteTally()
    /// Up-to-date tags whose names the cache has lost with its index, and of which nobody tells what they stand for.
    package var unnamed = 0
    /// When the run began, or the entry where it is the report of one.
    package var started = Date()
    /// What became of the hooks, in the order in which they ended: entries' hooks first.
    package var hooks: [HookRecord] = []

    /// One hook that ran, or was skipped.
    package struct HookRecord: Sendable {
        /// The entry that it belongs to, from 0; `nil` for one that runs after all entries.
        package let entry: Int?
        package let outcome: HookOutcome
    }

    /// What the choice of tags was warned of.
    package var warnings: [Warning] = []

    /// A warning about a whole entry.
    package struct Warning: Hashable, Sendable {
        /// The entry's position in the configuration, from 0.
        package let entry: Int
        /// One line.
        package let text: String

        package init(entry: Int, text: String) {
            self.entry = entry
            self.text = text
        }
    }

    package init() {}

    package var managed: Int { rows.count }
    package var synced: Int { count(.synced) }
    package var upToDate: Int { count(.upToDate) }
    package var errors: Int { count(.failed) }

    /// Hooks that failed without `continue_on_error`; they are no errors of tags.
    package var hookErrors: Int { hooks.count { $0.outcome.isError } }

    package var bytes: ByteTally {
        rows.reduce(into: bytesBesideRows) { $0 += $1.bytes }
    }

    private func count(_ status: Status) -> Int {
        rows.count { $0.status == status }
    }
}

extension SyncReport {
    /// The tags at their sources that did not fail, one after the other: a long listing has many.
    package struct UsedTags: Sequence, Sendable {
        let rows: [Row]

        package func makeIterator() -> AnyIterator<ImageReference> {
            var rest = rows.makeIterator()
            return AnyIterator {
                while let row = rest.next() {
                    guard row.status != .failed, let tag = row.sourceTag else { continue }
                    return ImageReference(location: row.source, tag: tag)
                }
                return nil
            }
        }
    }

    package var usedTags: UsedTags { UsedTags(rows: rows) }
}
