import OCI

/// Commits complete files together: all made durable, then all made visible, then all recorded.
struct CommitBatch: Sendable {
    /// How many files are synced at a time.
    private static let parallelSyncs = 4

    let directory: StoreDirectory
    let locks: StoreLocks
    let index: CacheIndex
    let health: StoreHealth
    let now: @Sendable () -> Int64

    /// One outcome for each item, in order; what fails does not keep the others from being committed.
    func run(_ items: [PendingCommit]) async -> [Committer.Outcome] {
        var outcomes = await syncAll(items)
        for position in items.indices {
            guard case .success = outcomes[position] else { continue }
            outcomes[position] = await Committer.Outcome { try await rename(items[position]) }
        }
        await syncDirectories(items, &outcomes)
        let done = items.indices.filter { if case .success = outcomes[$0] { true } else { false } }
        guard !done.isEmpty else { return outcomes }
        let recorded = await Committer.Outcome { [index, now] in
            try await index.write { [now = now()] in try $0.blobs.record(done.map { items[$0] }, at: now) }
        }
        for position in done { outcomes[position] = recorded }
        return outcomes
    }

    private func syncAll(_ items: [PendingCommit]) async -> [Committer.Outcome] {
        await withTaskGroup(of: (Int, Committer.Outcome).self) { group in
            var outcomes = [Committer.Outcome](repeating: .success(()), count: items.count)
            var next = 0
            func add() {
                guard next < items.count else { return }
                let position = next
                next += 1
                group.addTask { (position, await Committer.Outcome { try await sync(items[position]) }) }
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
        do {
            try await blocking(on: .syncing) {
                try item.file.setMode(0o444)
                try item.file.sync()
            }
        } catch let error as SystemError {
            try? directory.ingest.remove(item.name)
            throw failure(error, item)
        }
    }

    private func rename(_ item: PendingCommit) async throws {
        let digest = item.descriptor.digest
        let lock = try await locks.acquire(StoreLocks.shard(digest), .exclusive)
        defer { lock.unlock() }
        do throws(SystemError) {
            try directory.ingest.rename(item.name, to: directory.blobs(digest.algorithm), digest.hex)
        } catch {
            throw failure(error, item)
        }
    }

    private func syncDirectories(_ items: [PendingCommit], _ outcomes: inout [Committer.Outcome]) async {
        for algorithm in Digest.Algorithm.allCases {
            let members = items.indices.filter { position in
                guard case .success = outcomes[position] else { return false }
                return items[position].descriptor.digest.algorithm == algorithm
            }
            guard let first = members.first else { continue }
            let blobs = directory.blobs(algorithm)
            do {
                try await blocking(on: .syncing) { try blobs.sync() }
            } catch {
                let cause = (error as? SystemError).map { failure($0, items[first]) } ?? error
                for position in members { outcomes[position] = .failure(cause) }
            }
        }
    }

    private func failure(_ error: SystemError, _ item: PendingCommit) -> any Error {
        let failure = CacheError(
            error,
            "store \(item.descriptor.digest)",
            path: directory.path,
            digest: item.descriptor.digest
        )
        health.note(failure)
        return failure
    }
}

extension Result where Success == Void, Failure == any Error {
    fileprivate init(_ body: () async throws -> Void) async {
        do {
            try await body()
            self = .success(())
        } catch {
            self = .failure(error)
        }
    }
}
