/// One tag, with its place in the report.
struct TagWork: Sendable {
    let entry: Int
    let order: Int
    let tag: EntryPlan.Tag
    /// See ``EntryPlan/referrerTags``.
    let referrerTags: ReferrerTags?
    /// See ``EntryPlan/targetReferrerTags``.
    let targetReferrerTags: ReferrerTags?
}

/// The tags of an entry.
struct EntryWork: RandomAccessCollection, Sendable {
    let plan: EntryPlan

    var startIndex: Int { 0 }
    var endIndex: Int { plan.tags.count }

    subscript(order: Int) -> TagWork {
        TagWork(
            entry: plan.entry,
            order: order,
            tag: plan.tags[order],
            referrerTags: plan.referrerTags,
            targetReferrerTags: plan.targetReferrerTags
        )
    }
}

extension EntryPlan {
    var work: EntryWork { EntryWork(plan: self) }
}
