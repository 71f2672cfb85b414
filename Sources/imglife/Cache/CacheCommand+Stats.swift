import ArgumentParser
import Cache
import OCI
import Sync

/// `imglife cache stats`.
struct CacheStatsCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Tell how much the cache holds, how much sharing saves, and how much room there is."
    )

    @ParentCommand var parent: Imglife

    @Option(help: "Text, or one JSON document.")
    var output = CacheCommand.Output.text

    func run() async throws {
        try await CacheAccess.run(parent.options, mayBeReadOnly: true) { [output] cache, access in
            let figures = CacheFigures(
                path: cache.path,
                usage: try await cache.inventory.usage(),
                limit: access.session.configuration.cache.maximumSize?.bytes,
                space: cache.inventory.space,
                verification: try await cache.verification.lastResult(),
                restoration: try await cache.recovery.restoration()
            )
            switch output {
            case .text: try StandardOutput.show(figures.text)
            case .json: try StandardOutput.show(CacheDocument.text(figures.document))
            }
        }
    }
}

/// What `imglife cache stats` tells.
struct CacheFigures {
    let path: String
    let usage: CacheUsage
    /// `cache.max_size`, in bytes.
    let limit: Int64?
    let space: CacheSpace
    let verification: LastVerification?
    let restoration: IndexRestoration?

    var text: String {
        let rows = [
            ("Tags", "\(usage.tags)"),
            ("Pulled by digest", "\(usage.digests)"),
            ("Blobs", "\(usage.blobs)"),
            ("On disk", "\(ByteCount(usage.bytes))"),
            ("Logical", "\(ByteCount(usage.logicalBytes))"),
            ("Saved by sharing", "\(ByteCount(usage.savedBytes))"),
            ("Not referenced", "\(ByteCount(usage.unreferencedBytes))"),
            ("Interrupted downloads", "\(usage.partials)"),
            ("Their bytes", "\(ByteCount(usage.partialBytes))"),
            ("Staged by imports", "\(usage.staged)"),
            ("Staged bytes", "\(ByteCount(usage.stagedBytes))"),
            ("Damaged, put aside", "\(ByteCount(usage.quarantinedBytes))"),
            ("Limit (max_size)", limit.map { "\(ByteCount($0))" } ?? "none"),
            ("Free on the disk", space.free.map { "\(ByteCount($0))" } ?? "unknown"),
            ("Kept free (min_free)", "\(ByteCount(space.floor))"),
        ]
        return rows.map { label, value in
            label + String(repeating: " ", count: max(1, 30 - label.count - value.count)) + value + "\n"
        }.joined() + "Path: \(path.displaySafe(limit: 4096))\n" + verified + (restoration.map(Self.text) ?? "")
    }

    private var verified: String {
        guard let verification else { return "Never verified: 'imglife cache verify' hashes every blob\n" }
        let part = verification.isWhole ? "" : " of a part"
        return "Last verification\(part): \(Timestamp(secondsSince1970: verification.endedAt)), \(verification.blobs) "
            + "\(verification.blobs == 1 ? "blob" : "blobs"), \(verification.bad) bad\n"
    }

    private static func text(_ restoration: IndexRestoration) -> String {
        let names = restoration.lostNames.map { "  lost: \($0.displaySafe(limit: 1024))\n" }.joined()
        return
            "The index was lost, and restored from \(restoration.source) at \(Timestamp(secondsSince1970: restoration.restoredAt))\n"
            + names
    }

    var document: some Encodable { Document(self) }

    private struct Document: Encodable {
        let version = 1
        let path: String
        let tags: Int
        let digests: Int
        let blobs: Int
        let bytes: Int64
        let logicalBytes: Int64
        let savedBytes: Int64
        let unreferencedBytes: Int64
        let partials: Int
        let partialBytes: Int64
        let staged: Int
        let stagedBytes: Int64
        let quarantined: Int
        let quarantinedBytes: Int64
        /// Left out where the configuration sets none.
        let limitBytes: Int64?
        /// Left out where the system does not tell.
        let freeBytes: Int64?
        let minimumFreeBytes: Int64
        /// Left out when there was none.
        let lastVerification: LastVerification?
        /// Left out when the index was never lost.
        let restored: IndexRestoration?

        init(_ figures: CacheFigures) {
            let usage = figures.usage
            path = figures.path
            restored = figures.restoration
            tags = usage.tags
            digests = usage.digests
            blobs = usage.blobs
            bytes = usage.bytes
            logicalBytes = usage.logicalBytes
            savedBytes = usage.savedBytes
            unreferencedBytes = usage.unreferencedBytes
            partials = usage.partials
            partialBytes = usage.partialBytes
            staged = usage.staged
            stagedBytes = usage.stagedBytes
            quarantined = usage.quarantined
            quarantinedBytes = usage.quarantinedBytes
            limitBytes = figures.limit
            freeBytes = figures.space.free
            minimumFreeBytes = figures.space.floor
            lastVerification = figures.verification
        }
    }
}
