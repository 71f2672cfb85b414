import Logging
import OCI

/// Where a download goes on, and whether it begins again: the one place where a Range resume is decided
/// (PROTOCOL.md, C.2, 4 and 6).
///
/// What is there is hashed again, because no hash state that was saved could be trusted to agree with the bytes after a
/// crash; the source is asked for what is behind it. Wrong bytes after such a beginning may be the beginning's fault: they
/// don't count as an attempt, once.
struct Resumption: Sendable {
    let partial: Ingest
    let download: Download
    let store: Store
    let counters: DownloadCounters
    /// The memory for all downloads.
    let lanes: LaneBudget

    /// How an attempt failed that brought other bytes.
    private struct Mismatch: Error {
        let wasResumed: Bool
        let actual: String
    }

    /// Attempts until the bytes are right.
    ///
    /// - Throws: ``CacheError`` (`digestMismatch` when the source keeps sending wrong ones; a failed disk); what the source
    ///   throws: then what has arrived stays for the next.
    func fetch() async throws {
        var failures = 0
        var hasMismatched = false
        while true {
            do {
                do {
                    return try await attempt(inParts: !hasMismatched)
                } catch let mismatch as Mismatch {
                    hasMismatched = true
                    // One that cannot be emptied would bring the same again and again.
                    download.state.restart()
                    try partial.file.truncate(to: 0)
                    if !mismatch.wasResumed { failures += 1 }
                    guard failures < store.configuration.retry.attempts else { throw givenUp(mismatch) }
                    tell(mismatch, next: failures + 1)
                    if mismatch.wasResumed { continue }
                }
            } catch let error as SystemError {
                throw unwritable(error)
            }
            try await store.configuration.clock.sleep(
                for: store.configuration.retry.jitteredDelay(afterAttempt: failures)
            )
        }
    }

    /// After wrong bytes nothing of it may arrive ahead: the whole is asked for as it is.
    private func attempt(inParts: Bool) async throws {
        let (length, hasher) = try await partial.rehash(for: download.descriptor)
        counters.count { $0.resumedBytes += length }
        download.state.begin(partial.file, arrived: length)
        defer { download.state.pause() }
        let transfer = Transfer(
            descriptor: download.descriptor,
            partial: partial,
            source: download.source,
            scratch: inParts ? Scratch(store: store) : nil,
            state: download.state,
            budget: lanes
        ) { [counters, state = download.state] count in
            state.count(fetched: count)
            counters.count { $0.downloadedBytes += Int64(count) }
        }
        do {
            try await transfer.run(from: length, hasher)
        } catch let mismatch as Transfer.Mismatch {
            throw Mismatch(wasResumed: length > 0, actual: mismatch.actual)
        }
    }

    private func tell(_ mismatch: Mismatch, next: Int) {
        store.configuration.logger.warning(
            "wrong bytes have arrived; downloading again",
            metadata: [
                "try": "\(next) of \(store.configuration.retry.attempts)",
                "digest": "\(download.descriptor.digest)", "source": "\(download.source.place.displaySafe)",
                "got": "\(mismatch.actual.displaySafe)",
            ]
        )
    }

    private func givenUp(_ mismatch: Mismatch) -> CacheError {
        partial.discard()
        return .digestMismatch(download.descriptor, place: download.source.place, actual: mismatch.actual)
    }

    private func unwritable(_ error: SystemError) -> CacheError {
        partial.discard()
        let digest = download.descriptor.digest
        let failure = CacheError(error, "store \(digest)", path: store.directory.path, digest: digest)
        store.health.note(failure)
        return failure
    }
}
