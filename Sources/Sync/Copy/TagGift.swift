/// What giving a manifest a tag of a target came to.
struct TagGift: Sendable {
    /// Whether the target has taken it, and did not have it already.
    var isNew = true
    /// One line each.
    var warnings: [String] = []
}
