import OCI
import Sync

/// Failed tags by their entries and reasons, so that each reason is told once.
struct FailureGroups {
    /// How many tags of a group, and how many groups, a person is shown on a terminal.
    private static let shownTags = 8
    private static let shownGroups = 20

    private struct Key: Hashable {
        let entry: Int
        let reason: String
    }

    private let groups: [[SyncReport.Row]]
    private let isOnTerminal: Bool

    /// - Parameters:
    ///   - rows: of which the failed ones count.
    ///   - isOnTerminal: whether long lists are cut.
    init(_ rows: [SyncReport.Row], isOnTerminal: Bool) {
        self.isOnTerminal = isOnTerminal
        var positions: [Key: Int] = [:]
        var groups: [[SyncReport.Row]] = []
        for row in rows where row.status == .failed {
            let key = Key(entry: row.entry, reason: Self.kind(row))
            let position = positions[key] ?? groups.count
            positions[key] = position
            if position == groups.count { groups.append([]) }
            groups[position].append(row)
        }
        self.groups = groups
    }

    /// One line a group, in the order of the report.
    var lines: [String] {
        guard isOnTerminal, groups.count > Self.shownGroups else { return groups.compactMap(line) }
        let rest = groups[Self.shownGroups...]
        let tags = rest.reduce(0) { $0 + $1.count }
        return groups[..<Self.shownGroups].compactMap(line)
            + ["\(tags) more in \(rest.count) groups: '--output json' tells all"]
    }

    private func line(_ rows: [SyncReport.Row]) -> String? {
        guard let first = rows.first else { return nil }
        let entry = "sync.entries[\(first.entry)] "
        guard rows.count > 1 else {
            let source = "\(first.source)" + (first.sourceTag.map { ":\($0)" } ?? "")
            let target = "\(first.target)" + (first.targetTag.map { ":\($0)" } ?? "")
            return "\(entry)\(source) → \(target): \(first.reason ?? "failed")"
        }
        let tags = rows.compactMap { $0.sourceTag?.description }
        let shown = isOnTerminal ? Array(tags.prefix(Self.shownTags)) : tags
        return "\(rows.count) tags of \(entry)\(first.source) → \(first.target): \(Self.kind(first)): "
            + (shown + (shown.count < tags.count ? ["…"] : [])).joined(separator: ", ")
    }

    /// A reason without what differs from tag to tag: digests, and the tag's own name.
    private static func kind(_ row: SyncReport.Row) -> String {
        var text = (row.reason ?? "failed").replacing(/(sha256|sha512):[0-9a-f]{64,128}/) { "\($0.output.1):…" }
        if let tag = row.sourceTag { text = text.replacing("'\(tag)'", with: "'…'").replacing(":\(tag):", with: ":…:") }
        return text
    }
}
