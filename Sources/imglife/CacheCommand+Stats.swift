import ArgumentParser
import Cache
import OCI

/// `imglife cache stats`.
struct CacheStatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Tell how much the cache holds, and how much sharing saves."
    )

    @ParentCommand var parent: Imglife

    @Option(help: "Text, or one JSON document.")
    var output = CacheCommand.Output.text

    func run() async throws {
        try await CacheAccess.run(parent.options) { [output] cache, _ in
            let usage = try await cache.usage()
            switch output {
            case .text: try StandardOutput.write(Self.text(usage))
            case .json: try StandardOutput.write(CacheDocument.text(Document(usage)))
            }
        }
    }

    private static func text(_ usage: CacheUsage) -> String {
        let rows = [
            ("Tags", "\(usage.tags)"),
            ("Blobs", "\(usage.blobs)"),
            ("On disk", "\(ByteCount(usage.bytes))"),
            ("Logical", "\(ByteCount(usage.logicalBytes))"),
            ("Saved by sharing", "\(ByteCount(usage.savedBytes))"),
            ("Not referenced", "\(ByteCount(usage.unreferencedBytes))"),
        ]
        return rows.map { label, value in
            label + String(repeating: " ", count: max(1, 30 - label.count - value.count)) + value + "\n"
        }.joined()
    }

    private struct Document: Encodable {
        let tags: Int
        let blobs: Int
        let bytes: Int64
        let logicalBytes: Int64
        let savedBytes: Int64
        let unreferencedBytes: Int64

        init(_ usage: CacheUsage) {
            tags = usage.tags
            blobs = usage.blobs
            bytes = usage.bytes
            logicalBytes = usage.logicalBytes
            savedBytes = usage.savedBytes
            unreferencedBytes = usage.unreferencedBytes
        }
    }
}
