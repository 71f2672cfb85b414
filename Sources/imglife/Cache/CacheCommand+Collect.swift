import ArgumentParser
import Cache
import OCI
import Sync

/// `imglife cache gc`.
struct CacheCollectCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "gc",
        abstract: "Remove what no tag needs, and old images where the cache is too large.",
        discussion: """
            What running commands need is kept; they may go on meanwhile. What was used within --grace is kept as well, and \
            the output says until when.
            """
    )

    @ParentCommand var parent: Imglife

    @Option(
        help: ArgumentHelp(
            "Beyond 90 % of this, remove the least recently used images until 80 % are left. (default: cache.max_size)",
            valueName: "size"
        ),
        transform: { text in try CacheCollectCommand.parse { try ByteSize(text) } }
    )
    var maxSize: ByteSize?

    @Option(
        help: ArgumentHelp("Keep what was used within this time. (default: 2h)", valueName: "duration"),
        transform: Duration.option
    )
    var grace: Duration?

    @Flag(help: "Go on although names were lost with the index: what they needed is removed.")
    var force = false

    @Flag(help: "Say what would be removed, and remove nothing.")
    var dryRun = false

    @Option(help: "Text, or one JSON document.")
    var output = CacheCommand.Output.text

    func run() async throws {
        try await CacheAccess.run(parent.options, makesRoom: !dryRun) { [self] cache, access in
            var options = try await access.configuration.collection(cache)
            options.maximumSize = maxSize?.bytes ?? options.maximumSize
            options.grace = grace ?? options.grace
            options.isDryRun = dryRun
            options.isForced = force
            let report = try await cache.collect(options)
            let kept = try await cache.inventory.recentGarbage(options.grace)
            switch output {
            case .text:
                let lines = text(report, options)
                try StandardOutput.offer(lines + (GraceText(kept)?.line(ofCollectionWithin: options.grace) ?? ""))
            case .json: try StandardOutput.offer(CacheDocument.text(Document(report, kept, isDryRun: dryRun)))
            }
            if let refusal = report.refusal {
                Failure.tell(refusal)
                throw Failure.failed
            }
        }
    }

    private func text(_ report: CollectionReport, _ options: CollectionOptions) -> String {
        let verb = dryRun ? "would remove" : "removed"
        var lines = report.evictedTags.map { "\(verb) \($0)" }
        let blobs = "\(report.blobs) \(report.blobs == 1 ? "blob" : "blobs")"
        lines.append("\(verb) \(blobs), \(ByteCount(report.bytes))")
        if report.partials > 0 {
            let count = "\(report.partials) \(report.partials == 1 ? "file" : "files")"
            lines.append("\(verb) \(count) of interrupted downloads and imports, \(ByteCount(report.partialBytes))")
        }
        if report.quarantined > 0 {
            let count = "\(report.quarantined) damaged \(report.quarantined == 1 ? "file" : "files")"
            lines.append("\(verb) \(count) that had been put aside, \(ByteCount(report.quarantinedBytes))")
        }
        let excess = Self.excess(report, options) ?? ""
        lines.append("\(ByteCount(report.remainingBytes)) \(dryRun ? "would be" : "are") left\(excess)")
        return lines.map { $0 + "\n" }.joined()
    }

    /// Why more than the limit is left; `nil` where it is kept.
    private static func excess(_ report: CollectionReport, _ options: CollectionOptions) -> String? {
        guard let limit = options.maximumSize, report.remainingBytes > limit else { return nil }
        var kept: [String] = []
        if options.grace > .zero { kept.append("what was used within \(Elapsed(options.grace))") }
        if !options.pins.isEmpty { kept.append("what is needed by tags that entries select") }
        kept.append("what running commands need")
        let reasons = [kept.dropLast().joined(separator: ", "), kept.last ?? ""].filter { !$0.isEmpty }
        return ", more than the limit of \(ByteCount(limit)): \(reasons.joined(separator: " and ")) is kept"
    }

    private static func parse<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch {
            throw ValidationError("\(error)")
        }
    }

    private struct Document: Encodable {
        let version = 1
        let dryRun: Bool
        let blobs: Int
        let bytes: Int64
        let partials: Int
        let partialBytes: Int64
        let quarantined: Int
        let quarantinedBytes: Int64
        let evicted: [String]
        let remainingBytes: Int64
        let inGrace: GraceDocument

        init(_ report: CollectionReport, _ kept: RecentGarbage, isDryRun: Bool) {
            inGrace = GraceDocument(kept)
            dryRun = isDryRun
            blobs = report.blobs
            bytes = report.bytes
            partials = report.partials
            partialBytes = report.partialBytes
            quarantined = report.quarantined
            quarantinedBytes = report.quarantinedBytes
            evicted = report.evictedTags.map(\.description)
            remainingBytes = report.remainingBytes
        }
    }
}
