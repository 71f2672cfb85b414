import ArgumentParser
import Cache
import OCI

/// `imglife cache rm`.
struct CacheRemoveCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Forget names of the cache.",
        discussion: """
            The bytes go with the next 'imglife cache gc', once they are older than its grace; the output says until when \
            they stay. Exit codes: 0 all removed; 1 one or more are not in the cache.
            """
    )

    @ParentCommand var parent: Imglife

    @Argument(
        help: ArgumentHelp(
            "A name as 'cache ls' prints it, such as alpine:3.21, or a glob such as '*/alpine:3.1*'.",
            valueName: "ref"
        ),
        completion: .cachedImages,
        transform: { text in
            do {
                let pattern = try ImagePattern(text)
                if let reference = pattern.reference, (reference.tag == nil) == (reference.digest == nil) {
                    throw ValidationError("'\(text.displaySafe)' must name either a tag or a digest")
                }
                return pattern
            } catch let error as ReferenceError {
                throw ValidationError("\(error)")
            }
        }
    )
    var patterns: [ImagePattern]

    @Flag(help: "Say which names would be removed, and remove nothing.")
    var dryRun = false

    @Option(help: "Text, or one JSON document.")
    var output = CacheCommand.Output.text

    func run() async throws {
        try await CacheAccess.run(parent.options, mayBeReadOnly: dryRun, makesRoom: !dryRun) { [self] cache, _ in
            let document = try await remove(from: cache)
            // Also where nobody can be told what was removed.
            defer { for name in document.missing { Failure.tell("\(name) is not in the cache") } }
            switch output {
            case .text: try StandardOutput.offer(document.text)
            case .json: try StandardOutput.offer(CacheDocument.text(document))
            }
            if !document.missing.isEmpty { throw Failure.failed }
        }
    }

    private func remove(from cache: ContentCache) async throws -> Document {
        // What another tool has rewritten is ours again, so that it goes with its tag.
        if !dryRun { try await cache.takeUpLayout() }
        let found = try await cache.inventory.names { [patterns] in patterns.pick($0) }
        let missing = patterns.filter { !found.contains(where: $0.matches) }
            .map { $0.reference?.description ?? "what '\($0.text.displaySafe)' matches" }
        var removed: [ImageReference] = []
        for reference in found {
            guard let name = reference.reference else { continue }
            if dryRun {
                removed.append(reference)
            } else if try await cache.names.remove(name, of: reference.location) {
                removed.append(reference)
            }
        }
        guard !dryRun else { return Document(removed, missing, nil, isDryRun: true) }
        if !removed.isEmpty { try await cache.writeLayout() }
        return Document(removed, missing, try await cache.inventory.recentGarbage(), isDryRun: false)
    }

    private struct Document: Encodable {
        let version = 1
        let dryRun: Bool
        let removed: [String]
        let missing: [String]
        /// Left out in a dry run.
        let inGrace: GraceDocument?
        private let grace: GraceText?

        private enum CodingKeys: CodingKey {
            case version, dryRun, removed, missing, inGrace
        }

        init(_ removed: [ImageReference], _ missing: [String], _ kept: RecentGarbage?, isDryRun: Bool) {
            dryRun = isDryRun
            self.removed = removed.map(\.description)
            self.missing = missing
            inGrace = kept.map(GraceDocument.init)
            grace = kept.flatMap(GraceText.init)
        }

        var text: String {
            guard !removed.isEmpty else { return "" }
            let lines = removed.map { "\(dryRun ? "would remove" : "removed") \($0)\n" }.joined()
            guard !dryRun else { return lines }
            return lines
                + (grace?.line(ofCollectionWithin: nil) ?? "'imglife cache gc' frees what nothing else needs\n")
        }
    }
}
