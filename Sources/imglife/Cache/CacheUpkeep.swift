import Cache
import Logging
import OCI
import Sync

/// What is done for a cache after a run; what goes wrong is told, because the run's own work is done.
struct CacheUpkeep {
    let cache: ContentCache
    let session: Session

    /// After a sync; `wasWhole` says that nothing of the configuration was left out.
    ///
    /// - Returns: why the cache was not looked after: what the run has done is told all the same.
    func afterRun(_ report: SyncReport, wasWhole: Bool) async -> (any Error)? {
        do {
            try await cache.writeLayout()
            await noteUse(report)
            if wasWhole, report.errors == 0 { try await noteNames(report) }
            await keepQuota()
            return nil
        } catch {
            return error
        }
    }

    /// Lets collections take what has no name, once all that was lost has one again.
    private func noteNames(_ report: SyncReport) async throws {
        guard report.unnamed > 0 else { return try await cache.recovery.noteCompleteRun() }
        session.logger.warning(
            """
            names were lost with the cache's index, and the targets of some tags do not tell which image they have, \
            or their sources what it is a part of: \
            'imglife cache gc' waits, 'imglife cache gc --force' gives up what has no name
            """,
            metadata: ["tags": "\(report.unnamed)"]
        )
    }

    /// Keeps `cache.max_size`.
    func keepQuota() async {
        guard let limit = session.configuration.cache.maximumSize?.bytes else { return }
        do {
            let report = try await cache.collect(CollectionOptions(of: session.configuration, for: cache))
            if report.blobs > 0 {
                session.logger.info(
                    "the cache was cleaned up",
                    metadata: ["freed": "\(ByteCount(report.bytes))", "left": "\(ByteCount(report.remainingBytes))"]
                )
            }
            if report.remainingBytes > limit {
                session.logger.warning(
                    "the cache is larger than cache.max_size, because what was used lately and what the entries select is kept",
                    metadata: ["size": "\(ByteCount(report.remainingBytes))", "limit": "\(ByteCount(limit))"]
                )
            }
        } catch {
            session.logger.warning("the cache could not be cleaned up", metadata: ["error": "\(error)"])
        }
    }

    /// Notes that the tags of a run are in use, also those that needed no copy; losing that is harmless.
    private func noteUse(_ report: SyncReport) async {
        do {
            try await cache.names.noteUse(of: report.usedTags)
        } catch {
            session.logger.debug("the use of tags was not noted", metadata: ["error": "\(error)"])
        }
    }
}
