import Cache
import Glibc
import NIOCore
import OCI

/// The blobs of an archive on their way: written to `ingest/` and hashed, and nothing of them visible.
final class ImportStage {
    let cache: ContentCache
    let ledger = ImportLedger()
    private var room: ImportRoom
    /// Small ones that wait, and of which the cache has a file.
    private var doubtful: [Digest] = []

    init(_ cache: ContentCache) {
        self.cache = cache
        room = ImportRoom(cache)
    }

    private var ingest: Directory { cache.staging.directory }

    /// Whether a blob that was left out is here.
    func holds(_ blob: ArchiveDocument.Blob) throws -> Bool {
        try Descriptor(mediaType: .octetStream, digest: blob.digest, size: blob.size).map(contains) ?? false
    }

    /// Asks the cache for all that an archive says it holds or relies on, and finds room for what is not here, before any
    /// of it is written.
    ///
    /// - Throws: ``CacheError`` (`diskFull`).
    func expect(_ document: ArchiveDocument, _ parts: ImportParts) async throws {
        let cut = BlobList(Set(document.parts.map(\.blob)))
        for list in [document.blobs, document.omitted.blobs, cut] { try await hold(list) }
        for blob in cut { ledger.mark(.asked, blob.digest, size: blob.size) }
        var wanted = ImportRoom.Wish()
        for blob in document.blobs where !ledger.has(.present, blob.digest) && ledger.staged(blob.digest) == nil {
            let written = min(try ingest.status(StagedFile.name(of: blob.digest))?.size ?? 0, blob.size)
            wanted.add(blob, written: written)
        }
        for part in document.parts where !ledger.has(.present, part.blob.digest) {
            let blob = ArchiveDocument.Blob(digest: part.digest, size: part.length)
            wanted.add(blob, written: try parts.isMarked(part) ? part.length : 0)
        }
        try await room.reserve(wanted)
    }

    /// How many blobs the cache is asked for at a time.
    private static let heldAtOnce = 4000

    private func hold(_ list: BlobList) async throws {
        for start in stride(from: 0, to: list.count, by: Self.heldAtOnce) {
            let blobs = list[start..<min(start + Self.heldAtOnce, list.count)]
            let held = try await cache.hold(
                blobs.compactMap { Descriptor(mediaType: .octetStream, digest: $0.digest, size: $0.size) }
            )
            for blob in blobs where held.contains(blob.digest) {
                ledger.mark(.present, blob.digest, size: blob.size)
            }
        }
    }

    /// Finds room for one blob unless that has been done.
    ///
    /// - Returns: whether it needs any: only where there is none the cache is asked for small ones.
    /// - Throws: ``CacheError`` (`diskFull`).
    func reserve(_ digest: Digest, size: Int64) async throws -> Bool {
        guard ledger.listedSize(of: digest) == nil, ledger.mark(.hasRoom, digest, size: size) else { return true }
        var wish = ImportRoom.Wish()
        wish.add(ArchiveDocument.Blob(digest: digest, size: size), written: 0)
        do {
            try await room.reserve(wish)
            return true
        } catch let error as CacheError where error.kind == .diskFull {
            guard try await isPresent(digest, size: size, ofAnySize: true) else { throw error }
            return false
        }
    }

    /// Frees the room of what has not been committed.
    func releaseRoom() async {
        await room.release()
    }

    /// Whether a blob is verified and waiting, or in the cache.
    func contains(_ descriptor: Descriptor) throws -> Bool {
        try ledger.staged(descriptor.digest).map { $0.size == descriptor.size } ?? cache.contains(descriptor)
    }

    /// Smaller blobs are written whether the cache has them or not: to ask for each takes a transaction, which is longer.
    private static let askedSize: Int64 = 64 << 10

    /// Whether the cache is known to have the blob; it is then held there.
    func isPresent(_ digest: Digest, size: Int64, ofAnySize isAsked: Bool = false) async throws -> Bool {
        guard let descriptor = Descriptor(mediaType: .octetStream, digest: digest, size: size) else { return false }
        if isAsked || size >= Self.askedSize, ledger.listedSize(of: digest) == nil,
            ledger.mark(.asked, digest, size: size),
            try cache.contains(descriptor),
            try await cache.hold([descriptor]).contains(digest)
        {
            ledger.mark(.present, digest, size: size)
        }
        guard ledger.has(.present, digest) else { return false }
        if try isSound(descriptor) { return true }
        ledger.unmark(.present, digest)
        return false
    }

    /// Whether the cache's copy of a blob can be relied on.
    ///
    /// What could be a manifest is read, and put aside where it is damaged: while the archive is read its bytes can take that
    /// place, and later it would be found missing.
    private func isSound(_ descriptor: Descriptor) throws -> Bool {
        guard descriptor.size <= Manifest.maximumSize else { return try cache.contains(descriptor) }
        do {
            return try cache.manifest(descriptor) != nil
        } catch is DocumentError {
            return true
        }
    }

    /// Asks the cache again for a blob, which another import may have brought meanwhile.
    func isPresentNow(_ blob: ArchiveDocument.Blob) async throws -> Bool {
        if !ledger.has(.present, blob.digest) { try await hold(BlobList([blob])) }
        return ledger.has(.present, blob.digest)
    }

    /// Whether a blob is verified and waiting, in the cache, or what an import has left, or waits with, which is taken over.
    func isHere(_ digest: Digest, size: Int64) async throws -> Bool {
        if ledger.staged(digest)?.size == size { return true }
        if try await isPresent(digest, size: size) { return true }
        return try await takeOver(digest, size: size)
    }

    /// Takes over what an import that was interrupted left, after hashing it again.
    ///
    /// - Returns: whether it was whole.
    func takeOver(_ digest: Digest, size: Int64) async throws -> Bool {
        guard let descriptor = Descriptor(mediaType: .octetStream, digest: digest, size: size),
            let file = try await cache.staging.leftover(StagedFile.name(of: digest), descriptor)
        else { return ledger.staged(digest) != nil }
        ledger.stage(file, isTakenOver: ledger.staged(digest) == nil || ledger.has(.takenOver, digest))
        try await doubt(file)
        return true
    }

    /// Begins a file of `ingest/`: under the wanted name unless another process has it, else under a random one.
    func writer(_ wanted: String?, algorithm: Digest.Algorithm = .sha256, size: Int64) throws -> StageWriter {
        try cache.staging.writer(wanted, algorithm: algorithm, size: size)
    }

    /// Takes a complete file that this import wrote.
    func add(_ file: StagedFile) async throws {
        ledger.stage(file, isTakenOver: false)
        try await doubt(file)
    }

    /// Takes a file that parts make up; it stays whatever becomes of this import.
    func add(joined file: StagedFile) {
        ledger.stage(file, isTakenOver: true)
    }

    /// Takes a complete file whose digest was not known before; one more copy of it goes.
    ///
    /// What stands under its digest's name may be what another import waits with.
    func addUnnamed(_ file: StagedFile) async throws {
        if try await isHere(file.digest, size: file.size) {
            try ingest.remove(file.name)
        } else {
            try await add(try cache.staging.renamed(file) ?? file)
        }
    }

    /// Takes a text that was made here, such as the manifest of an image that has none.
    ///
    /// - Throws: ``CacheError`` (`diskFull`), ``SystemError``.
    func add(made manifest: Manifest) async throws {
        let (digest, size) = (manifest.descriptor.digest, manifest.descriptor.size)
        guard try await !isHere(digest, size: size), try await reserve(digest, size: size) else { return }
        var writer = try writer(StagedFile.name(of: digest), algorithm: digest.algorithm, size: size)
        do {
            try await writer.write(manifest.bytes)
        } catch {
            writer.abandon(keepsPartial: false)
            throw error
        }
        try await add(try writer.finish())
    }

    /// How many small blobs wait at most for being asked for.
    private static let doubtedAtOnce = 1000

    /// Notes what was written without asking whether the cache has it.
    private func doubt(_ file: StagedFile) async throws {
        guard file.size < Self.askedSize, ledger.listedSize(of: file.digest) == nil,
            let descriptor = Descriptor(mediaType: .octetStream, digest: file.digest, size: file.size),
            try cache.contains(descriptor)
        else { return }
        doubtful.append(file.digest)
        if doubtful.count >= Self.doubtedAtOnce { try await settle() }
    }

    /// Asks the cache for what was written without asking; what it has is held there, and needed no second time.
    func settle() async throws {
        let waiting = doubtful.compactMap { ledger.staged($0) }.compactMap { file in
            Descriptor(mediaType: .octetStream, digest: file.digest, size: file.size).map { (file: file, blob: $0) }
        }
        doubtful = []
        guard !waiting.isEmpty else { return }
        let held = try await cache.hold(waiting.map(\.blob))
        for (file, blob) in waiting where try held.contains(blob.digest) && isSound(blob) {
            try cache.staging.discard(file)
            ledger.committed(file)
        }
    }

    /// A small blob's bytes, waiting or in the cache; `nil` when it is nowhere.
    func manifest(_ descriptor: Descriptor) throws -> Manifest? {
        guard let file = ledger.staged(descriptor.digest) else { return try cache.manifest(descriptor) }
        guard file.size <= Manifest.maximumSize else {
            throw DocumentError(.tooLarge, "the manifest has more than \(Manifest.maximumSize) bytes")
        }
        if let bytes = try cache.staging.contents(of: file, limit: Manifest.maximumSize) {
            return try Manifest(bytes: bytes, contentType: nil, expected: descriptor)
        }
        // Another import of the same has made a blob of it.
        return try cache.manifest(descriptor)
    }

    /// The bytes of a small blob that is not a manifest.
    func contents(_ digest: Digest, limit: Int) throws -> ByteBuffer? {
        if let file = ledger.staged(digest), let bytes = try cache.staging.contents(of: file, limit: limit) {
            return bytes
        }
        guard let blob = try cache.blobFile(digest), blob.size <= limit else { return nil }
        return try blob.read(at: 0, atMost: Int(blob.size))
    }

    /// Lets go of files that have become blobs.
    func forget(_ committed: [StagedFile]) {
        for file in committed { ledger.committed(file) }
    }

    /// Removes what is waiting unless another process has taken it; what was there before stays.
    func discard() {
        ledger.discardStaged { try? cache.staging.discard($0) }
    }
}
