package import OCI

extension SyncReport {
    /// One tag of one entry, or a whole entry that failed before its tags were known.
    ///
    /// A run over a long listing ends with as many of them as there are tags, most of which are up to date: those are
    /// no more than names.
    @dynamicMemberLookup
    package struct Row: Sendable {
        /// The entry's position in the configuration, from 0.
        package let entry: Int
        /// `nil` when the entry failed before its tags were known.
        package let sourceTag: TagName?
        package let targetTag: TagName?
        package let status: Status
        private let route: Route
        private var details: Box?

        package init(entry: Int, route: Route, sourceTag: TagName?, targetTag: TagName?, status: Status) {
            self.entry = entry
            self.route = route
            self.sourceTag = sourceTag
            self.targetTag = targetTag
            self.status = status
        }

        package var source: RepositoryReference { route.source }
        package var target: RepositoryReference { route.target }

        package subscript<Value>(dynamicMember member: WritableKeyPath<Details, Value>) -> Value {
            get { (details?.value ?? Details())[keyPath: member] }
            set {
                var changed = details?.value ?? Details()
                changed[keyPath: member] = newValue
                details = changed == Details() ? nil : Box(changed)
            }
        }
    }

    /// From where to where an entry copies; one for all of its rows.
    package final class Route: Sendable {
        let source: RepositoryReference
        let target: RepositoryReference

        package init(source: RepositoryReference, target: RepositoryReference) {
            self.source = source
            self.target = target
        }
    }

    /// What a row says beyond names; reached through the row, which keeps it only where there is something.
    package struct Details: Equatable, Sendable {
        /// What the target's tag points at, where the run has learnt it.
        package var digest: Digest?
        package var sourceDigest: Digest?
        package var bytes = ByteTally()
        /// Why it failed, or why nothing was done; one line, safe to show.
        package var reason: String?
        /// How large the image is that a run would copy, in bytes; of dry runs alone.
        package var plannedBytes: Int64?
        /// Whether the target's tag held something else than upstream's did; `nil` when the two were not compared.
        package var drifted: Bool?
        /// How many referrers were copied with the image: signatures, attestations and the like.
        package var referrers = 0
        /// What kind of failure it was.
        package var code: FailureCode?
        /// How many tries the operation made that failed in the end.
        package var tries: Int?
        /// How long it took; `nil` for what was up to date.
        package var duration: Duration?
        /// What a person should know of a tag that did not fail, one line each.
        package var warnings: [String] = []
    }

    private final class Box: Sendable {
        let value: Details

        init(_ value: Details) {
            self.value = value
        }
    }
}
