import Cache
import Concurrency
import Logging
import OCI
import Synchronization

/// Tends the cache of a server that fills it: notes what is used, what has come whole, the limit, and the backups.
final class Upkeep: Sendable {
    /// What has happened since it was last recorded.
    private struct Usage: Sendable {
        var digests: Set<Digest> = []
        /// Whether something came that may have made an image whole.
        var hasChanged = false
        /// Blobs downloaded when the cache's limit was last looked at.
        var downloads = 0
        /// Transactions when the index was last copied, and when that was.
        var copiedTransactions = 0
        var copiedAt = Duration.zero
    }

    /// How often the index is copied while the server lives.
    static let backupInterval = Duration.seconds(3600)
    /// A set that is written every minute need not be larger.
    private static let maximumUsage = 100_000

    private let cache: ContentCache
    private let configuration: PullThroughConfiguration
    private let time: Timer
    private let usage = Mutex(Usage())

    init(_ cache: ContentCache, _ configuration: PullThroughConfiguration, _ time: Timer) {
        self.cache = cache
        self.configuration = configuration
        self.time = time
    }

    func note(used digest: Digest) {
        usage.withLock { usage in
            if usage.digests.count < Self.maximumUsage { usage.digests.insert(digest) }
        }
    }

    func noteChange() {
        usage.withLock { $0.hasChanged = true }
    }

    func used(_ manifest: ServedManifest) -> ServedManifest {
        note(used: manifest.manifest.descriptor.digest)
        return manifest
    }

    /// Tends the cache now and then, until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            do {
                try await time.sleep(configuration.upkeepInterval)
            } catch {
                return
            }
            await tend()
        }
    }

    /// Records what was used, makes tags of what has come whole, and keeps the limit after downloads.
    ///
    /// What use cannot be recorded now is harmless to lose.
    func tend() async {
        let downloads = cache.statistics.downloads
        let (digests, hasChanged, hasDownloaded) = usage.withLock { usage in
            defer {
                usage.digests.removeAll()
                usage.hasChanged = false
                usage.downloads = downloads
            }
            let hasDownloaded = usage.downloads != downloads
            return (usage.digests, usage.hasChanged || hasDownloaded, hasDownloaded)
        }
        do {
            try await cache.names.touch(digests)
            if hasChanged { try await cache.names.settlePulled() }
        } catch {
            configuration.logger.warning("the use of the cache could not be recorded", metadata: ["error": "\(error)"])
            if hasChanged { noteChange() }
        }
        if hasDownloaded { await configuration.maintain() }
        await backUp()
    }

    /// Copies the index when it was written, at most hourly: the end of the scope, which does so too, may be months away.
    private func backUp() async {
        let now = time.now()
        let transactions = cache.transactionCount
        let isDue = usage.withLock { usage in
            guard transactions != usage.copiedTransactions, now - usage.copiedAt >= Self.backupInterval else {
                return false
            }
            usage.copiedTransactions = transactions
            usage.copiedAt = now
            return true
        }
        guard isDue else { return }
        do {
            try await cache.recovery.backUp()
        } catch {
            configuration.logger.warning("the index was not backed up", metadata: ["error": "\(error)"])
        }
    }
}
