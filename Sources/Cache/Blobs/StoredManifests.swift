import NIOCore
package import OCI

/// The manifests among the blobs: small enough to be read whole and hashed each time.
package struct StoredManifests: Sendable {
    let store: Store

    /// A committed manifest, read whole and hashed.
    ///
    /// - Returns: `nil` when it is not there or was damaged; a damaged one has been put aside.
    /// - Throws: ``CacheError`` when the file cannot be read; `DocumentError` when the bytes are right, but are not
    ///   what the descriptor says.
    package func manifest(_ descriptor: Descriptor) throws -> Manifest? {
        guard let bytes = try verifiedBytes(descriptor.digest, size: descriptor.size) else { return nil }
        return try Manifest(bytes: bytes, contentType: nil, expected: descriptor)
    }

    /// A committed manifest by its digest alone; its type is the one it declares or was stored with.
    ///
    /// - Returns: `nil` when it is not there or was damaged; a damaged one has been put aside.
    package func manifest(_ digest: Digest) throws -> Manifest? {
        guard let bytes = try verifiedBytes(digest, size: nil) else { return nil }
        let declares = try JSONValue(parsing: bytes)["mediaType"] != nil
        let type = declares ? nil : try store.index.read { try $0.manifests.descriptor(of: digest) }?.mediaType
        return try Manifest(bytes: bytes, contentType: type, algorithm: digest.algorithm)
    }

    /// Stores a manifest's bytes, and records what it refers to.
    ///
    /// By the same protocol as any blob. What it refers to need not be there. Safe to repeat; costs no transaction
    /// when everything is there and recorded.
    ///
    /// - Parameters:
    ///   - manifest: what to store.
    ///   - origin: where it came from, and can be fetched again.
    /// - Throws: ``CacheError``.
    package func store(_ manifest: Manifest, from origin: RepositoryReference?) async throws {
        try store.health.check()
        try await Reclaiming.retrying {
            try await store.withDescriptors { try await storeOnce(manifest, from: origin) }
        }
    }

    private func storeOnce(_ manifest: Manifest, from origin: RepositoryReference?) async throws {
        let blob = manifest.descriptor
        while try verifiedBytes(blob.digest, size: blob.size) != nil {
            if try await store.index.read({ try $0.manifests.isRecorded(blob.digest, from: origin) }) { return }
            // Only what is recorded under the file's lock is safe from a collection that has just chosen it.
            if try await Adoption(store: store).adopt(blob, as: manifest, from: origin) { return }
        }
        let ingest = try write(blob, manifest.bytes)
        defer { ingest.giveBack() }
        try await store.commits.commit(PendingCommit(blob, ingest, manifest: manifest, origin: origin))
    }

    /// Stores a text of the cache's own for other programs to read: here it keeps nothing and stands for nothing.
    func storeUnread(_ blob: Descriptor, _ bytes: ByteBuffer) async throws {
        try store.health.check()
        try await store.withDescriptors {
            let ingest = try write(blob, bytes)
            defer { ingest.giveBack() }
            try await store.commits.commit(PendingCommit(blob, ingest))
        }
    }

    private func write(_ blob: Descriptor, _ bytes: ByteBuffer) throws -> Ingest {
        let digest = blob.digest
        do throws(SystemError) {
            let ingest = try Ingest.anonymous(in: store)
            var appender = ingest.appender(DigestHasher(digest.algorithm))
            do throws(SystemError) {
                try appender.append(bytes)
            } catch {
                ingest.discard()
                throw error
            }
            return ingest
        } catch {
            let failure = CacheError(error, "store \(digest)", path: store.directory.path, digest: digest)
            store.health.note(failure)
            throw failure
        }
    }

    /// What a file that was met under `blobs/` says, if it is a manifest and the one that it is named after.
    func content(of file: OpenFile, _ blob: Descriptor) throws -> Manifest? {
        guard blob.size > 0, blob.size <= Manifest.maximumSize,
            blob.mediaType.isManifest || blob.mediaType == .octetStream
        else { return nil }
        do throws(SystemError) {
            var head = try file.read(at: 0, atMost: 1)
            guard head.readInteger(as: UInt8.self) == UInt8(ascii: "{") else { return nil }
            let bytes = try file.read(at: 0, atMost: Int(blob.size))
            return try? Manifest(bytes: bytes, contentType: nil, expected: blob)
        } catch {
            throw CacheError(error, "read \(blob.digest)", path: store.directory.path, digest: blob.digest)
        }
    }

    /// Reads a small blob whole.
    ///
    /// - Returns: `nil` when there is none of that size or its bytes are wrong; then it has been put aside.
    private func verifiedBytes(_ digest: Digest, size: Int64?) throws -> ByteBuffer? {
        guard let file = try store.directory.blobs.open(digest, size: size) else { return nil }
        do throws(SystemError) {
            let status = try file.status()
            let size = status.size
            guard size <= Manifest.maximumSize, !store.health.isDamaged(status.version) else { return nil }
            var bytes = ByteBuffer()
            while bytes.readableBytes < size {
                var piece = try file.read(at: Int64(bytes.readableBytes), atMost: Int(size) - bytes.readableBytes)
                guard bytes.writeBuffer(&piece) > 0 else { break }
            }
            guard Digest.of(bytes, algorithm: digest.algorithm) == digest else {
                Quarantine(store: store).putAsideIfFree(file, digest)
                return nil
            }
            return bytes
        } catch {
            throw CacheError(error, "read \(digest)", path: store.directory.path, digest: digest)
        }
    }
}
