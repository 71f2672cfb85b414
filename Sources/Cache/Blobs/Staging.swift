package import NIOCore
package import OCI

/// The way of an archive's blobs into the cache: room for them, the files that are written, and their commit when the
/// archive has been found good.
package struct Staging: Sendable {
    let store: Store

    /// `ingest/`, where what is not verified yet is written.
    package var directory: Directory { store.directory.ingest }

    /// Room for what is read again before an archive has been found good.
    package var scratch: any ScratchSpace { Scratch(store: store) }

    /// Says that files are going to wait here without locks of their own, of which a process may have too few, until the
    /// lock that is returned is freed.
    package func begin() async throws -> OpenFile { try await store.locks.acquire("import", .shared) }

    /// Begins a file: under the wanted name unless another process has it, else under a random one.
    package func writer(
        _ wanted: String?,
        algorithm: Digest.Algorithm,
        size: Int64
    ) throws(SystemError) -> StageWriter {
        try StageWriter(wanted: wanted, algorithm: algorithm, size: size, in: store)
    }

    /// Takes the file of a name, which is made where there is none, to write into it where one likes; waits for whoever has
    /// it.
    ///
    /// - Parameters:
    ///   - name: in `ingest/`.
    ///   - mode: how it is locked.
    ///   - blob: what it is about, for messages.
    /// - Returns: the file, locked.
    /// - Throws: ``CacheError`` (`locked`) after the timeout for locks; ``SystemError``; `CancellationError`.
    package func acquire(_ name: String, _ mode: LockMode = .exclusive, of blob: Digest) async throws -> Ingest {
        var patience = Patience(limit: store.configuration.lockTimeout)
        while true {
            let version: FileStatus.Version
            switch try Ingest.acquire(name, mode, in: store) {
            case .taken(let ingest): return ingest
            case .moved: continue
            case .busy(let file):
                // Who writes into it, or hashes it, shows that it is at work.
                version = try file.status().version
            }
            guard patience.allowsWaiting(at: version, for: Ingestion.pollInterval) else {
                throw CacheError(
                    .locked,
                    "import a part of \(blob)",
                    digest: blob,
                    "another imglife process is importing it as well; import again when that has ended"
                )
            }
            try await store.configuration.clock.sleep(for: Ingestion.pollInterval)
        }
    }

    /// Removes files of `ingest/` that nobody has; what cannot be removed is told of.
    package func removeUnused(_ names: [String]) {
        for name in names {
            do throws(SystemError) {
                guard let lock = try directory.lockIfFree(name) else { continue }
                defer { lock.unlock() }
                try directory.remove(name)
            } catch {
                store.leftovers.note(CacheError(error, "remove", path: "\(directory.path)/\(name)"))
            }
        }
    }

    /// Decides what the volumes of a set that are here come to, one process at a time; waits for one that is at it as long as
    /// that gives signs of life.
    ///
    /// - Throws: ``CacheError`` (`locked`) after the timeout for locks; what the body throws.
    package func deciding<Result>(
        of set: Digest,
        _ body: () async throws -> Result
    ) async throws -> Result {
        // No collection takes this one, so that room can be made meanwhile.
        let lock = try await store.locks.acquire("volumes-\(set.hex.prefix(3))", .exclusive)
        defer { lock.unlock() }
        return try await Patience.givingSigns(store.configuration.pulse, lock.touch, body)
    }

    /// Takes over a file of `ingest/` that has all of a blob's bytes, after hashing it again.
    ///
    /// - Returns: `nil` when there is none, another process has it, or its bytes are others: then it is removed.
    package func leftover(_ name: String, _ descriptor: Descriptor) async throws -> StagedFile? {
        guard let status = try directory.status(name), status.isRegular, status.size == descriptor.size,
            let ingest = try Ingest.acquireIfFree(name, in: store)
        else { return nil }
        defer { ingest.file.unlock() }
        let staged = try await takeOver(ingest, as: descriptor)
        if staged == nil { try directory.remove(name) }
        return staged
    }

    /// Takes over a file that the caller has locked, after hashing it again.
    ///
    /// - Returns: `nil` when its bytes are others.
    package func takeOver(_ ingest: Ingest, as descriptor: Descriptor) async throws -> StagedFile? {
        guard try await ingest.holds(descriptor) else { return nil }
        try ingest.file.setMode(Ingest.stagedMode)
        return StagedFile(
            digest: descriptor.digest,
            size: descriptor.size,
            name: ingest.name,
            status: try ingest.file.status()
        )
    }

    /// Gives a file the name of its digest, in place of what a download left under that name.
    ///
    /// - Returns: `nil` when another process has a file of that name, or waits with it: then it keeps its own.
    package func renamed(_ file: StagedFile) throws(SystemError) -> StagedFile? {
        let name = Ingest.name(file.digest)
        guard let taken = try Ingest.acquireIfFree(name, in: store) else { return nil }
        let status = try taken.file.status()
        guard status.size == 0 || !Ingest.isStaged(status, name) else {
            taken.file.unlock()
            return nil
        }
        defer { taken.giveBack() }
        try directory.rename(file.name, to: directory, name)
        guard let status = try directory.status(name) else { return nil }
        return StagedFile(digest: file.digest, size: file.size, name: name, status: status)
    }

    /// Reads a small file whole; what changed meanwhile is found by whoever checks the digest.
    package func contents(of file: StagedFile, limit: Int) throws(SystemError) -> ByteBuffer? {
        try directory.contents(file.name, limit: Int64(limit))
    }

    /// Removes a file unless another process has taken it, or relies on it.
    package func discard(_ file: StagedFile) throws(SystemError) {
        switch try file.reopen(in: store) {
        case .unchanged(let ingest): ingest.discard()
        case .changed(let ingest):
            // Whoever takes it over makes it writable.
            let isLeftByCommit = try ingest.file.status().mode & 0o777 == Ingest.committedMode
            if isLeftByCommit { ingest.discard() } else { ingest.file.unlock() }
        case .busy, .gone: break
        }
    }

    /// Makes verified files visible, many at a time.
    package func commit(_ files: [StagedFile], as manifests: [Digest: Manifest] = [:]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (position, file) in files.enumerated() {
                if position >= Self.parallelCommits { try await group.next() }
                group.addTask { try await self.commitWithRoom(file, as: manifests[file.digest]) }
            }
            try await group.waitForAll()
        }
    }

    /// So many at most share an fsync of the directory and a transaction; each is an open file meanwhile.
    private static let parallelCommits = DescriptorLimit.files(atMost: 256)

    /// A commit that has failed may have cost the file: then that is the reason, and not that it is gone.
    private func commitWithRoom(_ staged: StagedFile, as manifest: Manifest?) async throws {
        var reason: CacheError?
        try await Reclaiming.retrying {
            do {
                try await commit(staged, as: manifest)
            } catch let error as CacheError {
                if error.kind == .locked, let reason { throw reason }
                reason = error
                throw error
            }
        }
    }

    /// Another process may have taken the file for its own download, or import, of the blob: then it is that one's to commit,
    /// or ours again when that one has left it.
    private func commit(_ staged: StagedFile, as manifest: Manifest?) async throws {
        guard let content = Descriptor(mediaType: .octetStream, digest: staged.digest, size: staged.size) else {
            preconditionFailure("a file's size is never negative")
        }
        let descriptor = manifest?.descriptor ?? content
        var patience = Patience(limit: store.configuration.lockTimeout)
        while true {
            let reopened = try staged.reopen(in: store)
            switch reopened {
            case .unchanged(let ingest): return try await commit(ingest, descriptor, manifest)
            case .changed(let ingest):
                if try await ingest.holds(content) { return try await commit(ingest, descriptor, manifest) }
                ingest.file.unlock()
            case .busy, .gone: break
            }
            if try await store.blobs.adopt([descriptor]).contains(staged.digest) { return }
            let version = try directory.status(staged.name)?.version
            guard case .busy = reopened, patience.allowsWaiting(at: version, for: Ingestion.pollInterval) else {
                throw CacheError(
                    .locked,
                    "import \(staged.digest)",
                    digest: staged.digest,
                    "another imglife process has changed what was being imported; import again"
                )
            }
            try await store.configuration.clock.sleep(for: Ingestion.pollInterval)
        }
    }

    private func commit(_ ingest: Ingest, _ descriptor: Descriptor, _ manifest: Manifest?) async throws {
        defer { ingest.giveBack() }
        try await store.commits.commit(PendingCommit(descriptor, ingest, manifest: manifest))
    }
}

extension Staging {
    /// Keeps what a volume has brought until the images that are awaited have come; durable when it returns.
    ///
    /// - Returns: the numbers of the volumes that are here, sorted.
    package func keep(
        _ digests: some Sequence<Digest> & Sendable,
        of set: Digest,
        volume: Int,
        awaiting tops: [Digest]
    ) async throws -> [Int] {
        try await blocking(on: .syncing) { [directory, now = store.now] in
            // What is kept of the set from now on is all of it.
            for name in try directory.names() where name.hasPrefix(Ingest.partPrefix(of: set)) {
                try directory.setModified(name, to: now)
            }
            try directory.sync()
        }
        return try await store.index.write { [now = store.now] in
            try $0.imports.keep(digests, of: set, volume: volume, awaiting: tops, at: now)
        }
    }

    /// Notes that some images of a set are whole and named, and forgets the set once none is awaited any more.
    ///
    /// - Parameters:
    ///   - tops: these images.
    ///   - unchosen: what refers to something else, and to what: it is not awaited unless a name keeps that.
    ///   - set: the set of volumes.
    /// - Returns: whether something of it is awaited.
    /// - Throws: ``CacheError``.
    package func settle(
        _ tops: [Digest],
        without unchosen: [(referrer: Digest, subject: Digest?)],
        of set: Digest
    ) async throws -> Bool {
        guard try await store.index.read({ try $0.imports.isKnown(set) }) else { return false }
        return try await store.index.write { db in
            var search = KeeperSearch(.named)
            let needless = try unchosen.filter { referrer, subject in
                guard try db.imports.awaits(referrer, of: set) else { return false }
                return try subject.map { try !search.isKept(db, $0) } ?? true
            }
            try db.imports.settle(tops + needless.map(\.referrer), of: set)
            return try db.imports.isKnown(set)
        }
    }

    /// Has a set of volumes be imported from the beginning, in any order; what they have brought is kept.
    package func restart(importSet set: Digest) async throws {
        try await store.index.write { try $0.imports.forgetVolumes(of: set) }
    }

    /// Forgets a set of volumes that is complete; its images keep what they need.
    package func release(importSet set: Digest) async throws {
        guard try await store.index.read({ try $0.imports.isKnown(set) }) else { return }
        try await store.index.write { try $0.imports.release(set) }
    }
}
