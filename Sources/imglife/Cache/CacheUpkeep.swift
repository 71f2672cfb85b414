import Cache
import Logging
import OCI
import Sync

extension Session {
    /// Keeps `cache.max_size` after a run; what goes wrong is a warning, because the run's own work is done.
    func keepQuota(of cache: ContentCache) async {
        guard let limit = configuration.cache.maximumSize?.bytes else { return }
        do {
            let report = try await cache.collect(CollectionOptions(of: configuration, for: cache))
            if report.blobs > 0 {
                logger.info(
                    "the cache was cleaned up",
                    metadata: ["freed": "\(ByteCount(report.bytes))", "left": "\(ByteCount(report.remainingBytes))"]
                )
            }
            if report.remainingBytes > limit {
                logger.warning(
                    "the cache is larger than cache.max_size, because what was used lately and what the entries select is kept",
                    metadata: ["size": "\(ByteCount(report.remainingBytes))", "limit": "\(ByteCount(limit))"]
                )
            }
        } catch {
            logger.warning("the cache could not be cleaned up", metadata: ["error": "\(error)"])
        }
    }
}

extension Session {
    /// Notes that the tags of a run are in use, also those that needed no copy; losing that is harmless.
    func noteUse(_ report: SyncReport, in cache: ContentCache) async {
        let used = report.rows.compactMap { row in
            row.status == .failed ? nil : row.sourceTag.map { ImageReference(location: row.source, tag: $0) }
        }
        do {
            try await cache.names.noteUse(of: used)
        } catch {
            logger.debug("the use of tags was not noted", metadata: ["error": "\(error)"])
        }
    }
}
