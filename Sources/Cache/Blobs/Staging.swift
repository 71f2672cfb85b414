import NIOCore
package import OCI

extension StagedFile {
    /// Gives it the name of its digest, in place of what an earlier import left under that name.
    ///
    /// - Returns: `nil` when another process has a file of that name: then it keeps its own.
    package func renamed(in ingest: Directory) throws(SystemError) -> StagedFile? {
        let wanted = Partial.name(digest)
        guard let taken = try StageWriter.claim(wanted, in: ingest) else { return nil }
        defer { taken.unlock() }
        try ingest.rename(name, to: ingest, wanted)
        guard let status = try ingest.status(wanted) else { return nil }
        return StagedFile(digest: digest, size: size, name: wanted, status: status, head: head)
    }
}

extension ContentCache {
    /// `ingest/`, where what is not verified yet is written.
    package var ingestDirectory: Directory { directory.ingest }

    /// Takes over a file of `ingest/` that has all of a blob's bytes, after hashing it again.
    ///
    /// - Returns: `nil` when there is none, another process has it, or its bytes are others.
    package func leftover(_ name: String, _ descriptor: Descriptor) async throws -> StagedFile? {
        let ingest = directory.ingest
        guard let status = try ingest.status(name), status.isRegular, status.size == descriptor.size,
            let file = try StageWriter.claim(name, in: ingest)
        else { return nil }
        defer { file.unlock() }
        let partial = Partial(descriptor: descriptor, file: file, name: name, ingest: ingest)
        guard try await partial.rehash().hasher.finalize() == descriptor.digest else { return nil }
        let head = try file.read(at: 0, atMost: 8)
        return StagedFile(
            digest: descriptor.digest,
            size: descriptor.size,
            name: name,
            status: try file.status(),
            head: Array(head.readableBytesView)
        )
    }

    /// Makes verified files visible, many at a time.
    package func commit(_ files: [StagedFile], as manifests: [Digest: Manifest] = [:]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (position, file) in files.enumerated() {
                if position >= Self.parallelCommits { try await group.next() }
                group.addTask { try await self.commit(file, as: manifests[file.digest]) }
            }
            try await group.waitForAll()
        }
    }

    /// So many share an fsync of the directory and a transaction.
    private static let parallelCommits = 32

    /// Another process may have taken the file for its own download of the blob: then it is that one's to commit.
    private func commit(_ staged: StagedFile, as manifest: Manifest?) async throws {
        guard let descriptor = Descriptor(mediaType: .octetStream, digest: staged.digest, size: staged.size) else {
            preconditionFailure("a file's size is never negative")
        }
        var waited = Duration.zero
        while true {
            if let file = try staged.reopen(in: directory.ingest) {
                defer { file.unlock() }
                let item = PendingCommit(
                    manifest?.descriptor ?? descriptor,
                    file,
                    name: staged.name,
                    manifest: manifest
                )
                return try await blobs.commit(item)
            }
            if try await blobs.adopt([manifest?.descriptor ?? descriptor]).contains(staged.digest) { return }
            guard waited < configuration.lockTimeout else {
                throw CacheError(
                    .locked,
                    "import \(staged.digest)",
                    digest: staged.digest,
                    "another imglife process has changed what was being imported; import again"
                )
            }
            try await configuration.clock.sleep(for: Ingestion.pollInterval)
            waited += Ingestion.pollInterval
        }
    }
}
