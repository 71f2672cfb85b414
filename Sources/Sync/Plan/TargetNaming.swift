import OCI

/// The names that tags get at the target: their own, or with `os_normalize` their version in front.
struct TargetNaming {
    let source: any ImageSource
    let configs: ConfigReader

    /// Whether a fixed tag can only be named with a listing of its siblings.
    func needsSiblings(_ tag: TagName, entry: Configuration.Entry) -> Bool {
        entry.normalizesOS && OSVariantTag(tag).kind == .bare
    }

    /// The name of a tag that needs no look-up.
    func plainName(of tag: TagName, entry: Configuration.Entry) -> TagName {
        guard entry.normalizesOS, case .reversed(let turned) = OSVariantTag(tag).kind else { return tag }
        return turned
    }

    /// - Returns: the tags in the same order with their names, and a warning for each that keeps its bare name because
    ///   nothing tells a version. One that cannot be read is refused, lest it stay under another name; its siblings go on.
    /// - Throws: `CancellationError` only.
    func names(
        for tags: [ListedTag],
        among siblings: [ListedTag],
        entry: Configuration.Entry
    ) async throws -> (tags: [EntryPlan.Tag], warnings: [String]) {
        let hasBare = tags.contains { needsSiblings($0.name, entry: entry) }
        let digests = hasBare ? Dictionary(siblings.map { ($0.name, $0.digest) }) { first, _ in first } : [:]
        var named: [EntryPlan.Tag] = []
        var warnings: [String] = []
        for tag in tags {
            guard needsSiblings(tag.name, entry: entry) else {
                named.append(EntryPlan.Tag(tag, as: plainName(of: tag.name, entry: entry)))
                continue
            }
            do {
                let found = try await versionedName(for: tag, among: siblings, digests)
                if found == nil {
                    warnings.append("os_normalize finds no version for the tag '\(tag.name)'; its name stays")
                }
                named.append(EntryPlan.Tag(tag, as: found ?? tag.name))
            } catch let error where !error.isCancellation {
                named.append(EntryPlan.Tag(tag, as: tag.name, decision: .refused(error)))
            }
        }
        return (named, warnings)
    }

    private func versionedName(
        for tag: ListedTag,
        among siblings: [ListedTag],
        _ digests: [TagName: Digest?]
    ) async throws -> TagName? {
        guard let digest = try await digest(of: tag.name, listed: tag.digest) else { return nil }
        for candidate in OSNormalization.candidates(for: tag.name, among: siblings.lazy.map(\.name)) {
            let listed = digests[candidate] ?? nil
            if try await self.digest(of: candidate, listed: listed) == digest { return candidate }
        }
        guard let version = try await imageVersion(of: tag) else { return nil }
        return OSNormalization.name(for: tag.name, imageVersion: version)
    }

    private func digest(of tag: TagName, listed: Digest?) async throws -> Digest? {
        if let listed { return listed }
        return try await source.resolve(.tag(tag))?.digest
    }

    /// The `org.opencontainers.image.version` of the manifest's annotations, else of the config's labels.
    private func imageVersion(of tag: ListedTag) async throws -> String? {
        let document = try await source.manifest(
            .tag(tag.name),
            listedAs: tag.digest,
            over: nil,
            in: configs.cache
        )
        guard let document else { return nil }
        let key = "org.opencontainers.image.version"
        switch document.content {
        case .index(let index):
            if let version = index.annotations[key] { return version }
            if let version = index.entries.first?.annotations[key] { return version }
        case .image(let image):
            if let version = image.annotations[key] { return version }
        }
        return try await configs.first(of: document)?.labels[key]
    }
}
