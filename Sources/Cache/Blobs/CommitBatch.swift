import Logging
import OCI

/// Commits files together: all made durable, then all made visible, then all recorded (`CommitProtocol.md`).
struct CommitBatch: Sendable {
    typealias Outcome = GroupCommit.Outcome

    /// How many files are synced at a time.
    private static let parallelSyncs = 4

    let directory: StoreDirectory
    let locks: StoreLocks
    let index: CacheIndex
    let health: StoreHealth
    let configuration: CacheConfiguration

    /// One outcome for each item, in order; what fails does not keep the others from being committed.
    func run(_ items: [PendingCommit]) async -> [Outcome] {
        var outcomes = await syncAll(items)
        for position in items.indices {
            guard case .success = outcomes[position] else { continue }
            outcomes[position] = await Outcome { try await rename(items[position]) }
        }
        await syncDirectories(items, &outcomes)
        let done = items.indices.filter { if case .success = outcomes[$0] { true } else { false } }
        guard !done.isEmpty else { return outcomes }
        do {
            let recorded = try await record(done.map { items[$0] })
            for (position, isThere) in zip(done, recorded) { outcomes[position] = .success(isThere) }
            health.noteCommitted(done.lazy.filter { !items[$0].isAdopted }.map { items[$0].descriptor.digest })
        } catch {
            for position in done { outcomes[position] = .failure(error) }
        }
        return outcomes
    }

    /// Whether a file that was met is still there is asked within the transaction: then whoever puts it aside says so
    /// in a later one.
    private func record(_ items: [PendingCommit]) async throws -> [Bool] {
        try await index.write { [directory, now = configuration.now()] db in
            try items.map { item in
                guard item.isAdopted else {
                    try db.blobs.record(item, at: now)
                    return true
                }
                guard try directory.blobs.isCurrent(item.file, item.descriptor.digest) else { return false }
                try db.blobs.adopt(item, at: now)
                return true
            }
        }
    }

    private func syncAll(_ items: [PendingCommit]) async -> [Outcome] {
        await withTaskGroup(of: (Int, Outcome).self) { group in
            var outcomes = [Outcome](repeating: .success(true), count: items.count)
            var next = 0
            func add() {
                guard next < items.count else { return }
                let position = next
                next += 1
                group.addTask { (position, await Outcome { try await sync(items[position]) }) }
            }
            for _ in 0..<Self.parallelSyncs { add() }
            while let (position, outcome) = await group.next() {
                outcomes[position] = outcome
                add()
            }
            return outcomes
        }
    }

    /// After an error the file is given up: syncing it again could claim success for pages that were dropped.
    private func sync(_ item: PendingCommit) async throws {
        guard case .ingest(let ingest) = item.place else { return }
        do {
            try await blocking(on: .syncing) {
                try item.file.setMode(Ingest.committedMode)
                try item.file.sync()
            }
        } catch let error as SystemError {
            ingest.discard()
            throw failure(error, item)
        }
    }

    private func rename(_ item: PendingCommit) async throws {
        guard case .ingest(let ingest) = item.place else { return }
        let digest = item.descriptor.digest
        try await locks.holding(StoreLocks.shard(digest)) {
            // No file can take a directory's place.
            _ = try directory.clearPlace(of: digest, configuration)
            do throws(SystemError) {
                try directory.blobs.publish(ingest.name, of: ingest.directory, as: digest)
            } catch {
                throw failure(error, item)
            }
        }
    }

    private func syncDirectories(_ items: [PendingCommit], _ outcomes: inout [Outcome]) async {
        for algorithm in Digest.Algorithm.allCases {
            let members = items.indices.filter { position in
                guard case .success = outcomes[position] else { return false }
                return items[position].descriptor.digest.algorithm == algorithm
            }
            guard let first = members.first else { continue }
            do {
                try await blocking(on: .syncing) { [blobs = directory.blobs] in try blobs.sync(algorithm) }
            } catch {
                let cause = (error as? SystemError).map { failure($0, items[first]) } ?? error
                for position in members { outcomes[position] = .failure(cause) }
            }
        }
    }

    private func failure(_ error: SystemError, _ item: PendingCommit) -> any Error {
        let digest = item.descriptor.digest
        let failure = CacheError(error, "store \(digest)", path: directory.path, digest: digest)
        health.note(failure)
        return failure
    }
}

extension Result where Success == Bool, Failure == any Error {
    fileprivate init(_ body: () async throws -> Void) async {
        do {
            try await body()
            self = .success(true)
        } catch {
            self = .failure(error)
        }
    }
}
