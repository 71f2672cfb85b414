import Cache
import Glibc
import NIOCore
import OCI

/// Blobs that come in parts.
///
/// Each part is written where it belongs in one file of `ingest/`, so that a blob never takes its size twice. A small file
/// beside it, the part's mark, says that the part is there, whole and durable.
final class ImportParts {
    private let staging: Staging
    /// Those of another set may be cut elsewhere.
    private let set: Digest?
    /// What this import began.
    private var begun: [ArchiveDocument.Part] = []

    /// For parts of one set of volumes, or of none.
    init(_ cache: ContentCache, of set: Digest?) {
        staging = cache.staging
        self.set = set
    }

    /// Begins a part.
    ///
    /// - Returns: `nil` when it is here already, from an earlier import; it has been hashed again.
    /// - Throws: ``CacheError`` (`locked`) when another process is writing to the same blob.
    func writer(for part: ArchiveDocument.Part) async throws -> PartWriter? {
        guard let ingest = try staging.acquire(wholeName(part.blob.digest)) else {
            throw CacheError(
                .locked,
                "import a part of \(part.blob.digest)",
                digest: part.blob.digest,
                "another imglife process is importing another part of it; import again when that has ended"
            )
        }
        do {
            if try isMarked(part), try await Self.digest(of: part, in: ingest.file) == part.digest {
                ingest.giveBack()
                return nil
            }
            try ingest.file.setMode(0o600)
            begun.append(part)
            return PartWriter(part, ingest, mark: markName(part))
        } catch {
            ingest.giveBack()
            throw error
        }
    }

    private static func digest(of part: ArchiveDocument.Part, in file: OpenFile) async throws -> Digest {
        try await blocking(on: .hashing) {
            var hasher = DigestHasher(part.digest.algorithm)
            var done: Int64 = 0
            while done < part.length {
                let bytes = try file.read(at: part.offset + done, atMost: Int(min(1 << 20, part.length - done)))
                guard bytes.readableBytes > 0 else { break }
                hasher.update(bytes)
                done += Int64(bytes.readableBytes)
            }
            return hasher.finalize()
        }
    }

    /// Whether a part has been written to its end.
    func isMarked(_ part: ArchiveDocument.Part) throws(SystemError) -> Bool {
        try mark(markName(part)) == PartMark(part)
    }

    private func mark(_ name: String) throws(SystemError) -> PartMark? {
        guard let text = try staging.directory.contents(name, limit: 4096) else { return nil }
        return PartMark(text)
    }

    /// Takes back what this import began.
    func discard() {
        for part in begun { try? remove(part) }
        begun = []
    }

    /// Takes a part back, and the file when it was the only one in it.
    private func remove(_ part: ArchiveDocument.Part) throws(SystemError) {
        let ingest = staging.directory
        try? ingest.remove(markName(part))
        let prefix = prefix(part.blob.digest)
        let whole = wholeName(part.blob.digest)
        guard try !ingest.names().contains(where: { $0.hasPrefix(prefix) && $0 != whole }) else { return }
        try ingest.remove(whole)
    }

    /// Takes the blob that parts make up, by the marks of all of them.
    ///
    /// - Returns: a file that can be committed.
    /// - Throws: ``ArchiveRefusal`` when they do not make the blob; they are removed then.
    func join(_ blob: ArchiveDocument.Blob, _ marks: [String]) async throws -> StagedFile {
        let whole = wholeName(blob.digest)
        if let descriptor = Descriptor(mediaType: .octetStream, digest: blob.digest, size: blob.size),
            let file = try await staging.leftover(whole, descriptor)
        {
            return file
        }
        for name in marks + [whole] { try? staging.directory.remove(name) }
        throw ArchiveRefusal("the parts of \(blob.digest) do not make it; import all volumes again")
    }

    /// The names of the marks of a blob's parts, to be removed once the blob is committed.
    ///
    /// - Returns: in order; `nil` unless together the parts make up the blob.
    func marks(of blob: ArchiveDocument.Blob) throws(SystemError) -> [String]? {
        var names: [String] = []
        var length: Int64 = 0
        while length < blob.size {
            let name = prefix(blob.digest) + "\(names.count)"
            guard let mark = try mark(name), mark.offset == length, mark.length > 0 else { return nil }
            names.append(name)
            length += mark.length
        }
        return length == blob.size ? names : nil
    }

    /// The names of what is left of parts of blobs that are here: an import can have failed after it had joined them.
    func leftovers(of blobs: [Digest]) throws(SystemError) -> [String] {
        guard !blobs.isEmpty else { return [] }
        let prefixes = blobs.map(prefix)
        return try staging.directory.names().filter { name in
            name.hasPrefix(StagedFile.partPrefix) && prefixes.contains { name.hasPrefix($0) }
        }
    }

    private func prefix(_ blob: Digest) -> String {
        "\(StagedFile.partPrefix)\(set?.hex.prefix(16) ?? "0")-\(StagedFile.name(of: blob))-"
    }

    private func wholeName(_ blob: Digest) -> String { prefix(blob) + StagedFile.wholeSuffix }

    private func markName(_ part: ArchiveDocument.Part) -> String { prefix(part.blob.digest) + "\(part.index)" }
}

/// What a part's mark says.
struct PartMark: Equatable {
    let offset: Int64
    let length: Int64
    let digest: Digest

    init(_ part: ArchiveDocument.Part) {
        (offset, length, digest) = (part.offset, part.length, part.digest)
    }

    init?(_ text: ByteBuffer) {
        let words = String(buffer: text).split(whereSeparator: \.isWhitespace)
        guard words.count == 3, let offset = Int64(words[0]), let length = Int64(words[1]),
            let digest = try? Digest(words[2])
        else { return nil }
        (self.offset, self.length, self.digest) = (offset, length, digest)
    }

    var text: ByteBuffer { ByteBuffer(string: "\(offset) \(length) \(digest)\n") }
}

/// Writes a part into its place in the blob's file, hashing on the way.
struct PartWriter {
    let part: ArchiveDocument.Part
    private let ingest: Ingest
    private let mark: String
    private var appender: Ingest.Appender

    init(_ part: ArchiveDocument.Part, _ ingest: Ingest, mark: String) {
        self.part = part
        self.ingest = ingest
        self.mark = mark
        appender = ingest.appender(at: part.offset, DigestHasher(part.digest.algorithm))
    }

    /// Of what has been written.
    var digest: Digest { appender.digest }

    /// What is beyond the part's end is not written, but hashed.
    mutating func write(_ bytes: ByteBuffer) throws(SystemError) {
        if appender.offset - part.offset + Int64(bytes.readableBytes) <= part.length {
            try appender.append(bytes)
        } else {
            appender.hash(bytes)
        }
    }

    /// Makes it durable, and then says so in its mark.
    func finish() throws(SystemError) {
        try ingest.file.sync()
        let mark = try ingest.directory.openFile(mark, flags: O_RDWR | O_CREAT | O_TRUNC)
        try mark.write(PartMark(part).text, at: 0)
        try mark.sync()
    }

    /// Frees the file for other processes; what has no mark is written anew.
    func giveUp() {
        ingest.giveBack()
    }
}
