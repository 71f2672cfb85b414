import OCI
import Sync

/// One step of a `regsync.yml`.
struct RegsyncStep {
    private var section: Section
    private let defaults: Section?
    private var comments: [String] = []

    init?(_ value: ForeignValue, defaults: ForeignValue?) {
        guard let section = Section(value) else { return nil }
        self.section = section
        self.defaults = Section(defaults)
    }

    mutating func read(into mirror: inout Mirror) {
        let type = section.text("type") ?? "missing"
        let source = section.text("source") ?? ""
        let target = section.text("target") ?? ""
        let words = "\(source.displayedWithoutSecrets) -> \(target.displayedWithoutSecrets)"
        guard !source.contains("{{"), !target.contains("{{") else {
            return note("\(words): expand its template first", &mirror)
        }
        switch type {
        case "image": readImage(source, target, words, &mirror)
        case "repository": readRepository(source, target, words, &mirror)
        default:
            let reason = "of the type '\(type.displayedWithoutSecrets)': make an entry for each repository"
            note("\(words) \(reason)", &mirror)
        }
    }

    private func note(_ reason: String, _ mirror: inout Mirror) {
        mirror.note("not converted: \(reason)\(section.place)")
    }

    /// A single tag; regsync may give it another name at the target.
    private mutating func readImage(
        _ source: String,
        _ target: String,
        _ words: String,
        _ mirror: inout Mirror
    ) {
        guard let from = try? ImageReference(source), let to = try? ImageReference(target) else {
            return note("\(words): not two images of registries", &mirror)
        }
        guard from.digest == nil, to.digest == nil else {
            return note("\(words): a digest cannot be an entry; name its tag", &mirror)
        }
        let latest = try? TagName("latest")
        guard let tag = from.tag ?? latest, tag == to.tag ?? latest else {
            return note("\(words): the tag cannot have another name at the target", &mirror)
        }
        for key in ["tags", "tagSets"] { _ = section.take(key) }
        add(MirrorEntry(source: from.location, target: to.location, selection: .tag(tag)), &mirror)
    }

    /// All tags that pass the filters; each set of filters is an entry of its own.
    private mutating func readRepository(
        _ source: String,
        _ target: String,
        _ words: String,
        _ mirror: inout Mirror
    ) {
        guard let from = try? ImageReference(source), let to = try? ImageReference(target),
            from.reference == nil, to.reference == nil
        else {
            return note("\(words): not two repositories of registries", &mirror)
        }
        let sets = section.take("tagSets").map { $0.elements ?? [$0] } ?? []
        let tags = section.take("tags")
        // Beside sets, regsync asks 'tags' only where it holds a filter.
        let isFiltered = Self.filters.contains { (tags?[$0]).map { $0.onlyTexts?.isEmpty != true } ?? false }
        let filters = isFiltered || sets.isEmpty ? [tags ?? .mapping([])] + sets : sets
        let kept = self
        for filter in filters {
            var step = kept
            guard let selections = step.selections(filter) else {
                let head = "not converted: \(from.location) -> \(to.location), with these tags\(section.place):"
                mirror.note([head] + step.comments)
                continue
            }
            for selection in selections {
                var step = step
                step.add(MirrorEntry(source: from.location, target: to.location, selection: selection), &mirror)
            }
        }
    }

    /// A tag has to pass `allow`, `deny` and `semverRange`; `nil` when one of them cannot be said.
    private mutating func selections(_ filter: ForeignValue) -> [MirrorEntry.Selection]? {
        guard var filter = Section(filter) else { return nil }
        let lists = Self.filters.compactMap { (filter.take($0) ?? .list([])).onlyTexts }
        guard lists.count == Self.filters.count else {
            comments.append("its filters are no lists of texts")
            return nil
        }
        let (allow, deny, ranges) = (lists[0], lists[1], lists[2].filter { !$0.isEmpty })
        comments += filter.leftovers()
        comments += (allow + deny).compactMap(TagExpression.note)
        var tags = TagFilter(exclusions: deny.isEmpty ? [] : [TagExpression.whole(deny)])
        tags.add(whole: allow)
        if !ranges.isEmpty {
            do throws(VersionRangeError) {
                let range = try VersionRange(ranges, .regsync)
                comments.append(
                    "'semverRange: \(ranges.joined(separator: " or ").displayedWithoutSecrets)' as expressions"
                )
                // Two conditions at once: one picks, the other leaves out.
                if allow.isEmpty { tags.patterns = [range.pattern] } else { tags.exclusions.append(range.exclusion) }
            } catch {
                comments.append(
                    "'semverRange: \(ranges.joined(separator: ", ").displayedWithoutSecrets)' has \(error.reason)"
                )
                return nil
            }
        }
        if let comment = tags.comment { comments.append(comment) }
        let selections = tags.selections
        if selections.isEmpty { comments.append("what 'allow' names is left out again") }
        return selections.isEmpty ? nil : selections
    }

    private mutating func add(_ entry: MirrorEntry, _ mirror: inout Mirror) {
        var entry = entry
        entry.platforms = section.take("platforms")?.texts ?? []
        if let platform = section.text("platform") {
            if !entry.platforms.isEmpty { comments.append("'platforms' has no effect in regsync beside 'platform'") }
            entry.platforms = [platform]
        }
        let referrers = inheritedValue("referrers")?.bool == true
        let digestTags = inheritedValue("digestTags")?.bool == true
        entry.includesReferrers = referrers || digestTags
        if referrers != digestTags {
            comments.append("referrers and the tags that regsync calls digest tags are copied together")
        }
        for key in Self.inherited where !["referrers", "digestTags"].contains(key) {
            guard let value = inheritedValue(key) else { continue }
            comments.append("\(Section.shown(key, value)): \(Self.advice[key] ?? "has no counterpart")")
        }
        entry.comments = comments + section.leftovers(Self.advice)
        mirror.add(entry)
    }

    /// A step's own value, else the one of `defaults`.
    private mutating func inheritedValue(_ key: String) -> ForeignValue? {
        var defaults = defaults
        return section.take(key) ?? defaults?.take(key)
    }

    /// What of `tags` leaves any out.
    private static let filters = ["allow", "deny", "semverRange"]

    /// What `defaults` says for every step, besides what is told once for the file.
    static let inherited = [
        "backup", "schedule", "ratelimit", "digestTags", "referrers", "referrerFilters", "referrerSource",
        "referrerTarget", "hooks", "mediaTypes", "cleanupTags", "cleanupTagsExclude",
    ]

    /// What stands in the place of fields without a counterpart.
    static let advice = [
        "backup": "has no counterpart; what is overwritten is not kept",
        "schedule": "has no counterpart in the file; run imglife from cron or a systemd timer at these times",
        "interval": "has no counterpart in the file; run 'imglife sync --every', or a timer",
        "ratelimit": "has no counterpart; limits of a registry are waited for when it tells them",
        "referrerFilters": "all referrers are copied",
        "referrerSource": "referrers are read where the image is",
        "referrerTarget": "referrers are pushed to where the image goes",
        "hooks": "has no counterpart; hooks here are commands that run after an entry",
        "mediaTypes": "has no counterpart; everything that the tag names is copied",
        "cleanupTags": "has no counterpart; nothing is ever deleted from a target",
        "cleanupTagsExclude": "has no counterpart; nothing is ever deleted from a target",
        "targetTag": "has no counterpart; tags keep their names",
        "repos": "has no counterpart; make an entry for each repository",
        "includeExternal": "foreign layers are never copied",
        "skipDockerConfig": "has no counterpart; set DOCKER_CONFIG to an empty directory to leave it unread",
        "fastCheck": Section.needless, "fastCopy": Section.needless, "forceRecursive": Section.needless,
        "referrerSlow": Section.needless, "userAgent": Section.needless, "blobLimit": Section.needless,
        "cacheCount": Section.needless, "cacheTime": Section.needless,
    ]
}
