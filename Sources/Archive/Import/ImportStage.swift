import Cache
import Glibc
import NIOCore
import OCI

/// The blobs of an archive on their way: written to `ingest/` and hashed, and nothing of them visible.
final class ImportStage {
    let cache: ContentCache
    /// Verified and waiting, by digest.
    private(set) var files: [Digest: StagedFile] = [:]
    /// In the cache already and held there until its scope ends.
    private(set) var present: Set<Digest> = []
    /// What the archive says it holds: the cache was asked for all of that, and room was found for it.
    private var expected: ArchiveDocument?
    /// Other blobs for which the cache was asked, whatever it answered.
    private var asked: Set<Digest> = []
    /// Those of ``files`` that an earlier import wrote.
    private var takenOver: Set<Digest> = []
    private var room: ImportRoom
    /// Other blobs for which it has been found.
    private var hasRoom: Set<Digest> = []

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
        let blobs = document.blobs + document.omitted.map(\.blob) + document.parts.map(\.blob)
        let descriptors = blobs.compactMap { Descriptor(mediaType: .octetStream, digest: $0.digest, size: $0.size) }
        present.formUnion(try await cache.hold(descriptors))
        asked.formUnion(document.parts.map(\.blob.digest))
        var written: Int64 = 0
        var wanted: [ArchiveDocument.Blob] = []
        for blob in document.blobs where !present.contains(blob.digest) && files[blob.digest] == nil {
            wanted.append(blob)
            written += min(try ingest.status(StagedFile.name(of: blob.digest))?.size ?? 0, blob.size)
        }
        for part in document.parts where !present.contains(part.blob.digest) {
            wanted.append(ArchiveDocument.Blob(digest: part.digest, size: part.length))
            if try parts.isMarked(part) { written += part.length }
        }
        try await room.reserve(wanted, written: written)
        expected = document
    }

    /// Finds room for one blob unless that has been done.
    ///
    /// - Throws: ``CacheError`` (`diskFull`).
    func reserve(_ digest: Digest, size: Int64) async throws {
        guard expected?.position(of: digest) == nil, hasRoom.insert(digest).inserted else { return }
        try await room.reserve([ArchiveDocument.Blob(digest: digest, size: size)])
    }

    /// Frees the room of what has not been committed.
    func releaseRoom() async throws {
        try await room.release()
    }

    /// Whether a blob is verified and waiting, or in the cache.
    func contains(_ descriptor: Descriptor) throws -> Bool {
        try files[descriptor.digest].map { $0.size == descriptor.size } ?? cache.contains(descriptor)
    }

    /// Whether the cache has the blob; it is then held there.
    func isPresent(_ digest: Digest, size: Int64) async throws -> Bool {
        guard let descriptor = Descriptor(mediaType: .octetStream, digest: digest, size: size) else { return false }
        if expected?.position(of: digest) == nil, asked.insert(digest).inserted, try cache.contains(descriptor) {
            present.formUnion(try await cache.hold([descriptor]))
        }
        return try present.contains(digest) && cache.contains(descriptor)
    }

    /// Takes over what an import that was interrupted left, after hashing it again.
    ///
    /// - Returns: whether it was whole.
    func takeOver(_ digest: Digest, size: Int64) async throws -> Bool {
        guard let descriptor = Descriptor(mediaType: .octetStream, digest: digest, size: size),
            let file = try await cache.staging.leftover(StagedFile.name(of: digest), descriptor)
        else { return files[digest] != nil }
        if files.updateValue(file, forKey: digest) == nil { takenOver.insert(digest) }
        return true
    }

    /// Begins a file of `ingest/`: under the wanted name unless another process has it, else under a random one.
    func writer(_ wanted: String?, algorithm: Digest.Algorithm = .sha256, size: Int64) throws -> StageWriter {
        try cache.staging.writer(wanted, algorithm: algorithm, size: size)
    }

    /// Takes a complete file that this import wrote.
    func add(_ file: StagedFile) {
        files[file.digest] = file
        takenOver.remove(file.digest)
    }

    /// Takes a file that parts make up; it stays whatever becomes of this import.
    func add(joined file: StagedFile) {
        files[file.digest] = file
        takenOver.insert(file.digest)
    }

    /// Takes a complete file whose digest was not known before; one more copy of it goes.
    ///
    /// Under its digest's name it takes the place of what an earlier import left.
    func addUnnamed(_ file: StagedFile) async throws {
        if try await isPresent(file.digest, size: file.size) || files[file.digest] != nil {
            try ingest.remove(file.name)
        } else {
            add(try cache.staging.renamed(file) ?? file)
        }
    }

    /// A small blob's bytes, waiting or in the cache; `nil` when it is nowhere.
    func manifest(_ descriptor: Descriptor) throws -> Manifest? {
        guard let file = files[descriptor.digest] else { return try cache.manifest(descriptor) }
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
        if let file = files[digest], let bytes = try cache.staging.contents(of: file, limit: limit) { return bytes }
        guard let blob = try cache.blobFile(digest), blob.size <= limit else { return nil }
        return try blob.read(at: 0, atMost: Int(blob.size))
    }

    /// Lets go of files that have become blobs.
    func forget(_ committed: [StagedFile]) {
        for file in committed {
            files[file.digest] = nil
            takenOver.remove(file.digest)
            present.insert(file.digest)
        }
    }

    /// Removes what is waiting unless another process has taken it; what was there before stays.
    func discard() {
        for file in files.values where !takenOver.contains(file.digest) { try? cache.staging.discard(file) }
        files = [:]
    }
}
