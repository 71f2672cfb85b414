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
    /// Blobs for which the cache was asked, whatever it answered.
    private var asked: Set<Digest> = []
    /// Names in `ingest/` that this import wrote.
    private var own: Set<String> = []
    /// Parts that this import began, and which set they are of.
    private var begun: [(part: ArchiveDocument.Part, set: Digest?)] = []
    private var room: ImportRoom

    init(_ cache: ContentCache) {
        self.cache = cache
        room = ImportRoom(cache)
    }

    private var ingest: Directory { cache.staging.directory }

    /// Whether a blob that was left out is here.
    func holds(_ blob: ArchiveDocument.Blob) throws -> Bool {
        try Descriptor(mediaType: .octetStream, digest: blob.digest, size: blob.size).map(contains) ?? false
    }

    /// Asks the cache for many blobs at once.
    func hold(_ blobs: [ArchiveDocument.Blob]) async throws {
        let descriptors = blobs.compactMap {
            Descriptor(mediaType: .octetStream, digest: $0.digest, size: $0.size)
        }
        present.formUnion(try await cache.hold(descriptors))
        asked.formUnion(blobs.map(\.digest))
    }

    /// Finds room for all that an archive says it holds and that is not here, before any of it is written.
    ///
    /// - Throws: ``CacheError`` (`diskFull`).
    func reserve(_ document: ArchiveDocument) async throws {
        var written: Int64 = 0
        var wanted: [ArchiveDocument.Blob] = []
        func want(_ blob: ArchiveDocument.Blob, as name: String) throws {
            wanted.append(blob)
            written += min(try ingest.status(name)?.size ?? 0, blob.size)
        }
        for blob in document.blobs where !present.contains(blob.digest) && files[blob.digest] == nil {
            try want(blob, as: StagedFile.name(of: blob.digest))
        }
        for part in document.parts where !present.contains(part.blob.digest) {
            wanted.append(ArchiveDocument.Blob(digest: part.digest, size: part.length))
            if try isMarked(part, document.volume?.set) { written += part.length }
        }
        try await room.reserve(wanted, written: written)
    }

    /// Finds room for one blob unless that has been done.
    ///
    /// - Throws: ``CacheError`` (`diskFull`).
    func reserve(_ digest: Digest, size: Int64) async throws {
        guard !room.has(digest) else { return }
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
        if asked.insert(digest).inserted, try cache.contains(descriptor) {
            present.formUnion(try await cache.hold([descriptor]))
        }
        return try present.contains(digest) && cache.contains(descriptor)
    }

    /// Takes over what an import that was interrupted left, after hashing it again.
    ///
    /// - Returns: whether it was whole.
    func takeOver(_ digest: Digest, size: Int64) async throws -> Bool {
        if let file = try await leftover(StagedFile.name(of: digest), digest, size: size) { files[digest] = file }
        return files[digest] != nil
    }

    /// A file of `ingest/` that has the digest's bytes.
    func leftover(_ name: String, _ digest: Digest, size: Int64) async throws -> StagedFile? {
        guard let descriptor = Descriptor(mediaType: .octetStream, digest: digest, size: size) else { return nil }
        return try await cache.staging.leftover(name, descriptor)
    }

    /// Begins a file of `ingest/`: under the wanted name unless another process has it, else under a random one.
    func writer(_ wanted: String?, algorithm: Digest.Algorithm = .sha256, size: Int64) throws -> StageWriter {
        let writer = try cache.staging.writer(wanted, algorithm: algorithm, size: size)
        own.insert(writer.name)
        return writer
    }

    /// Takes a complete file.
    func add(_ file: StagedFile) {
        files[file.digest] = file
    }

    /// Takes a complete file whose digest was not known before; one more copy of it goes.
    func addUnnamed(_ file: StagedFile) async throws {
        if try await isPresent(file.digest, size: file.size) || files[file.digest] != nil {
            try ingest.remove(file.name)
            own.remove(file.name)
        } else {
            add(try renamed(file))
        }
    }

    /// Under its digest's name it takes the place of what an earlier import left.
    private func renamed(_ file: StagedFile) throws -> StagedFile {
        guard let renamed = try cache.staging.renamed(file) else { return file }
        own.remove(file.name)
        own.insert(renamed.name)
        return renamed
    }

    /// A small blob's bytes, waiting or in the cache; `nil` when it is nowhere.
    func manifest(_ descriptor: Descriptor) throws -> Manifest? {
        guard let file = files[descriptor.digest] else { return try cache.manifest(descriptor) }
        guard let bytes = try cache.staging.contents(of: file, limit: Manifest.maximumSize) else {
            throw DocumentError(.tooLarge, "the manifest has more than \(Manifest.maximumSize) bytes")
        }
        return try Manifest(bytes: bytes, contentType: nil, expected: descriptor)
    }

    /// The bytes of a small blob that is not a manifest.
    func contents(_ digest: Digest, limit: Int) throws -> ByteBuffer? {
        guard let file = files[digest] else {
            guard let blob = try cache.blobFile(digest), blob.size <= limit else { return nil }
            return try blob.read(at: 0, atMost: Int(blob.size))
        }
        return try cache.staging.contents(of: file, limit: limit)
    }

    /// Lets go of files that have become blobs.
    func forget(_ committed: [StagedFile]) {
        for file in committed {
            files[file.digest] = nil
            own.remove(file.name)
            present.insert(file.digest)
        }
    }

    /// Remembers a part that is being written, so that it can be taken back.
    func begin(_ part: ArchiveDocument.Part, of set: Digest?) {
        begun.append((part, set))
    }

    /// Removes what is waiting, and parts if told so, unless another process has taken it; what was there before stays.
    func discard(parts: Bool = false) {
        for file in files.values where own.contains(file.name) {
            try? cache.staging.discard(file)
        }
        files = [:]
        guard parts else { return }
        for (part, set) in begun { try? remove(part, set) }
        begun = []
    }
}
