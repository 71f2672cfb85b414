import OCI

/// A plan as a person reads it: a block an entry, then what each registry would be asked for.
struct PlanText {
    /// How many lines the names of like tags may take on a terminal.
    private static let tagLines = 2
    private static let label = 12

    let document: PlanDocument
    let style: TextStyle
    /// The terminal's, in characters; `nil` cuts nothing.
    var width: Int?

    /// Ends in a line feed.
    var text: String { (headline + document.entries.flatMap(block) + hosts).joined(separator: "\n") + "\n" }

    private var headline: [String] {
        let totals = document.totals
        let parts = [
            (totals.copy, "to copy"), (totals.referrers, "with new referrers"), (totals.upToDate, "up to date"),
            (totals.compare, "to compare"), (totals.failed, "failing"),
        ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        let failed = totals.failedEntries > 0 ? [Self.count(totals.failedEntries, "entry", "entries") + " failing"] : []
        let all = parts + failed
        let text = "Plan: \(Self.count(totals.entries, "entry", "entries"))"
        return folded(all.isEmpty ? text : "\(text), tags: \(all.joined(separator: ", "))", after: 0).map(style.bold)
    }

    private func block(_ entry: PlanDocument.Entry) -> [String] {
        var lines = [""] + folded("\(entry.source) -> \(entry.target)", after: 0).map(style.bold)
        if let failure = entry.failure { lines += labelled("fails", failure.reason, style.red) }
        for (decision, label) in Self.labels {
            let tags = entry.tags.filter { $0.decision == decision }
            for reason in Self.reasons(of: tags) {
                lines += like(tags.filter { $0.reason == reason }, label, reason, decision)
            }
        }
        let costs = entry.tags.compactMap(\.cost)
        if !costs.isEmpty { lines += labelled("cost", Self.text(PlanSum(costs))) }
        let unread = entry.tags.count { $0.platformsUnread == true }
        if unread > 0 {
            let text = "of \(Self.count(unread, "tag", "tags")) not looked at without --read-manifests"
            lines += labelled("platforms", text)
        }
        for warning in entry.warnings { lines += labelled("warning", warning) }
        return lines
    }

    private static let labels: [(PlanDocument.Decision, String)] = [
        (.copy, "copy"), (.referrers, "referrers"), (.compare, "compare"), (.upToDate, "up to date"),
        (.undecided, "selected"), (.failed, "fails"),
    ]

    /// In the order in which they come up.
    private static func reasons(of tags: [PlanDocument.Tag]) -> [String?] {
        var seen: Set<String?> = []
        return tags.map(\.reason).filter { seen.insert($0).inserted }
    }

    /// Tags with which the same is done for the same reason.
    private func like(
        _ tags: [PlanDocument.Tag],
        _ label: String,
        _ reason: String?,
        _ decision: PlanDocument.Decision
    ) -> [String] {
        let names = tags.map { $0.sourceTag == $0.targetTag ? $0.sourceTag : "\($0.sourceTag) as \($0.targetTag)" }
        let note = decision == .failed ? nil : reason
        let head = Self.count(tags.count, "tag", "tags") + (note.map { " (\($0))" } ?? "") + ": "
        let shown = wrapped(names, after: head)
        var lines = [self.label(label, decision == .failed ? style.red : { $0 }) + head + (shown.first ?? "")]
        lines += shown.dropFirst().map { Self.indentation + $0 }
        if decision == .failed, let reason { lines += labelled("", reason) }
        return lines
    }

    /// Names with commas between them, in as many lines as they may take; those that do not fit are counted.
    private func wrapped(_ names: [String], after head: String) -> [String] {
        guard let room = room(after: Self.label + 2) else { return [names.joined(separator: ", ")] }
        var lines = [""]
        var used = head.count
        for (position, name) in names.enumerated() {
            let text = name + (position < names.count - 1 ? ", " : "")
            let rest = "… and \(names.count - position) more"
            let isLast = lines.count == Self.tagLines
            if used + text.count + (isLast && position < names.count - 1 ? rest.count : 0) > room {
                guard !isLast else {
                    lines[lines.count - 1] += rest
                    break
                }
                lines.append("")
                used = 0
            }
            lines[lines.count - 1] += text
            used += text.count
        }
        return lines.map { $0.hasSuffix(" ") ? String($0.dropLast()) : $0 }
    }

    private var hosts: [String] {
        let hosts = document.hosts ?? []
        guard !hosts.isEmpty else { return [] }
        let column = hosts.map(\.host.count).max() ?? 0
        let lines = hosts.flatMap { host -> [String] in
            let name = "  " + host.host + String(repeating: " ", count: column - host.host.count + 2)
            let shown = folded(Self.text(PlanSum(host)), after: name.count)
            return [name + shown[0]] + shown.dropFirst().map { String(repeating: " ", count: name.count) + $0 }
        }
        return ["", style.bold("By registry")] + lines
    }

    private static let indentation = String(repeating: " ", count: label + 2)

    private func label(_ label: String, _ paint: (String) -> String = { $0 }) -> String {
        "  " + paint(label + String(repeating: " ", count: Self.label - label.count))
    }

    private func labelled(_ label: String, _ text: String, _ paint: (String) -> String = { $0 }) -> [String] {
        let shown = folded(text, after: Self.label + 2)
        return [self.label(label, paint) + shown[0]] + shown.dropFirst().map { Self.indentation + $0 }
    }

    /// How many characters stand beside a column of so many; `nil` where there is no end.
    private func room(after column: Int) -> Int? { width.map { max(20, $0 - column) } }

    /// A text in as many lines as it takes, broken at blanks.
    private func folded(_ text: String, after column: Int) -> [String] {
        FoldedText.lines(text.displaySafe(limit: 4096), columns: room(after: column))
    }

    private static func count(_ number: Int, _ one: String, _ many: String) -> String {
        "\(number) \(number == 1 ? one : many)"
    }

    private static func text(_ sum: PlanSum) -> String {
        let about = sum.isExact ? "" : "about "
        var parts: [String] = []
        if sum.manifests > 0 { parts.append(count(sum.manifests, "manifest", "manifests") + " to read") }
        if sum.download > 0 { parts.append("\(about)\(ByteCount(sum.download)) to download") }
        if sum.push > 0 { parts.append("\(about)\(ByteCount(sum.push)) to push") }
        if sum.mount > 0 { parts.append("\(ByteCount(sum.mount)) to mount") }
        if sum.unknown > 0 {
            parts.append("bytes of \(count(sum.unknown, "tag", "tags")) unknown without --read-manifests")
        }
        return parts.isEmpty ? "nothing to download, nothing to push" : parts.joined(separator: ", ")
    }
}

/// The cost of several tags together.
private struct PlanSum {
    let manifests: Int
    let download: Int64
    let push: Int64
    let mount: Int64
    /// Tags of which no bytes are told.
    let unknown: Int
    let isExact: Bool

    init(_ costs: [PlanDocument.Cost]) {
        manifests = costs.reduce(0) { $0 + $1.manifests }
        download = costs.reduce(0) { $0 + $1.downloadBytes }
        push = costs.reduce(0) { $0 + $1.pushBytes }
        mount = costs.reduce(0) { $0 + $1.mountBytes }
        unknown = costs.count { $0.basis == "unknown" }
        isExact = !costs.contains { $0.basis == "listing" }
    }

    init(_ host: PlanDocument.Host) {
        (manifests, download, push, mount) = (host.manifests, host.downloadBytes, host.pushBytes, host.mountBytes)
        (unknown, isExact) = (host.unknownTags, host.isExact || host.downloadBytes + host.pushBytes == 0)
    }
}
