import ArgumentParser
import Cache
import FoundationEssentials
import OCI

/// `imglife cache stats`.
struct CacheStatsCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Tell how much the cache holds, and how much sharing saves."
    )

    @ParentCommand var parent: Imglife

    @Option(help: "Text, or one JSON document.")
    var output = CacheCommand.Output.text

    func run() async throws {
        try await CacheAccess.run(parent.options, mayBeReadOnly: true) { [output] cache, _ in
            let usage = try await cache.inventory.usage()
            let restoration = try await cache.recovery.restoration()
            switch output {
            case .text: try StandardOutput.write(Self.text(usage, restoration))
            case .json: try StandardOutput.write(CacheDocument.text(Document(usage, restoration)))
            }
        }
    }

    private static func text(_ usage: CacheUsage, _ restoration: IndexRestoration?) -> String {
        let rows = [
            ("Tags", "\(usage.tags)"),
            ("Blobs", "\(usage.blobs)"),
            ("On disk", "\(ByteCount(usage.bytes))"),
            ("Logical", "\(ByteCount(usage.logicalBytes))"),
            ("Saved by sharing", "\(ByteCount(usage.savedBytes))"),
            ("Not referenced", "\(ByteCount(usage.unreferencedBytes))"),
            ("Interrupted downloads", "\(usage.partials)"),
            ("Their bytes", "\(ByteCount(usage.partialBytes))"),
        ]
        return rows.map { label, value in
            label + String(repeating: " ", count: max(1, 30 - label.count - value.count)) + value + "\n"
        }.joined() + (restoration.map(text) ?? "")
    }

    private static func text(_ restoration: IndexRestoration) -> String {
        let names = restoration.lostNames.map { "  lost: \($0.displaySafe(limit: 1024))\n" }.joined()
        let time = Date(timeIntervalSince1970: Double(restoration.restoredAt)).formatted(.iso8601)
        return "The index was lost, and restored from \(restoration.source) at \(time)\n" + names
    }

    private struct Document: Encodable {
        let tags: Int
        let blobs: Int
        let bytes: Int64
        let logicalBytes: Int64
        let savedBytes: Int64
        let unreferencedBytes: Int64
        let partials: Int
        let partialBytes: Int64
        /// Left out when the index was never lost.
        let restored: IndexRestoration?

        init(_ usage: CacheUsage, _ restoration: IndexRestoration?) {
            restored = restoration
            tags = usage.tags
            blobs = usage.blobs
            bytes = usage.bytes
            logicalBytes = usage.logicalBytes
            savedBytes = usage.savedBytes
            unreferencedBytes = usage.unreferencedBytes
            partials = usage.partials
            partialBytes = usage.partialBytes
        }
    }
}
