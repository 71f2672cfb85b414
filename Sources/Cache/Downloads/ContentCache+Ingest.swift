import Logging
import OCI
import Synchronization

extension ContentCache {
    /// Brings one blob into the cache; room is made for one that does not fit.
    func ingest(_ download: Download) async throws {
        try await descriptors.withTurn {
            do {
                try await withDescriptors { try await ingestOnce(download) }
            } catch let error as CacheError where error.kind == .diskFull {
                guard try await makeRoom() else { throw error }
                download.arrival.restart()
                try await ingestOnce(download)
            }
        }
    }

    /// Takes its partial over, fetches what is missing, verifies and commits.
    private func ingestOnce(_ download: Download) async throws {
        try health.check()
        switch try await claim(download) {
        case .committed(let file):
            download.arrival.commit(file, size: download.descriptor.size)
        case .partial(let partial):
            defer { partial.file.unlock() }
            try await reserve(partial)
            try await givingSigns(of: partial.file) { try await fetch(partial, download) }
            try await commit(
                PendingCommit(
                    descriptor: partial.descriptor,
                    file: partial.file,
                    name: partial.name,
                    manifest: nil,
                    origin: try? RepositoryReference(download.source.place)
                )
            )
            counters.withLock { $0.downloads += 1 }
            download.arrival.commit(partial.file, size: partial.descriptor.size)
        }
    }

    /// Shows other processes that this one works on a file, also while it is told to wait by a registry.
    private func givingSigns(of file: OpenFile, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [pulse = configuration.pulse] in
                while true {
                    try await pulse.sleep(for: Self.signInterval)
                    file.touch()
                }
            }
            defer { group.cancelAll() }
            try await body()
        }
    }

    /// Attempts until the bytes are right; wrong ones after a resumed beginning don't count as an attempt.
    private func fetch(_ partial: Partial, _ download: Download) async throws {
        let descriptor = partial.descriptor
        var failures = 0
        while true {
            do {
                try await attempt(partial, download)
                return
            } catch let mismatch as Attempt {
                download.arrival.restart()
                try? partial.file.truncate(to: 0)
                guard !mismatch.wasResumed else { continue }
                failures += 1
                guard failures < configuration.retry.attempts else {
                    partial.remove()
                    throw CacheError.digestMismatch(descriptor, place: download.source.place, actual: mismatch.actual)
                }
                configuration.logger.debug(
                    "a source sent wrong bytes; downloading again",
                    metadata: ["digest": "\(descriptor.digest)", "source": "\(download.source.place.displaySafe)"]
                )
                try await configuration.clock.sleep(for: configuration.retry.jitteredDelay(afterAttempt: failures))
            } catch let error as SystemError {
                partial.remove()
                let failure = CacheError(
                    error,
                    "store \(descriptor.digest)",
                    path: directory.path,
                    digest: descriptor.digest
                )
                health.note(failure)
                throw failure
            }
        }
    }

    /// How an attempt failed that brought other bytes.
    private struct Attempt: Error {
        let wasResumed: Bool
        let actual: String
    }

    private func attempt(_ partial: Partial, _ download: Download) async throws {
        let (length, hasher) = try await partial.rehash()
        counters.withLock { $0.resumedBytes += length }
        download.arrival.begin(partial.file, arrived: length)
        let transfer = Transfer(
            partial: partial,
            source: download.source,
            arrival: download.arrival,
            budget: lanes
        ) { [self] count in
            download.arrival.count(fetched: count)
            counters.withLock { $0.downloadedBytes += Int64(count) }
        }
        do {
            try await transfer.run(from: length, hasher)
        } catch let mismatch as Transfer.Mismatch {
            throw Attempt(wasResumed: length > 0, actual: mismatch.actual)
        }
    }
}
