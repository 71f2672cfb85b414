import Cache
import Glibc
import NIOCore
import OCI

/// Blobs that come in parts: each part is written where it belongs in one file of `ingest/`, so that a blob never takes its
/// size twice. A small file beside it, the part's mark, says that the part is there, whole and durable.
extension ImportStage {
    /// Begins a part.
    ///
    /// - Returns: `nil` when it is here already, from an earlier import; it has been hashed again.
    /// - Throws: ``CacheError`` (`locked`) when another process is writing to the same blob.
    func writer(for part: ArchiveDocument.Part, of document: ArchiveDocument?) async throws -> PartWriter? {
        let set = document?.volume?.set
        let name = Self.wholeName(part.blob.digest, set)
        guard let ingest = try cache.staging.acquire(name) else {
            throw CacheError(
                .locked,
                "import a part of \(part.blob.digest)",
                digest: part.blob.digest,
                "another imglife process is importing another part of it; import again when that has ended"
            )
        }
        do {
            if try isMarked(part, set), try await Self.digest(of: part, in: ingest.file) == part.digest {
                ingest.giveBack()
                return nil
            }
            try ingest.file.setMode(0o600)
            begin(part, of: set)
            return PartWriter(part, ingest, mark: Self.markName(part, set))
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
    func isMarked(_ part: ArchiveDocument.Part, _ set: Digest?) throws(SystemError) -> Bool {
        try mark(Self.markName(part, set)) == PartMark(part)
    }

    private func mark(_ name: String) throws(SystemError) -> PartMark? {
        guard let text = try cache.staging.directory.contents(name, limit: 4096) else { return nil }
        return PartMark(text)
    }

    /// Takes a part back, and the file when it was the only one in it.
    func remove(_ part: ArchiveDocument.Part, _ set: Digest?) throws(SystemError) {
        let ingest = cache.staging.directory
        try? ingest.remove(Self.markName(part, set))
        let prefix = Self.prefix(part.blob.digest, set)
        let whole = Self.wholeName(part.blob.digest, set)
        guard try !ingest.names().contains(where: { $0.hasPrefix(prefix) && $0 != whole }) else { return }
        try ingest.remove(whole)
    }

    /// Finds a blob whose parts are all here.
    ///
    /// - Returns: the names of the parts' marks, to be removed once the blob is committed; `nil` while some are missing.
    /// - Throws: ``ArchiveRefusal`` when they do not make the blob; they are removed then.
    func assemble(_ blob: ArchiveDocument.Blob, set: Digest?) async throws -> [String]? {
        guard let marks = try marks(blob, set) else { return nil }
        if files[blob.digest] == nil {
            let whole = Self.wholeName(blob.digest, set)
            guard let file = try await leftover(whole, blob.digest, size: blob.size) else {
                for name in marks + [whole] { try? cache.staging.directory.remove(name) }
                throw ArchiveRefusal("the parts of \(blob.digest) do not make it; import all volumes again")
            }
            add(file)
        }
        return marks
    }

    /// - Returns: in order; `nil` unless together the parts make up the blob.
    private func marks(_ blob: ArchiveDocument.Blob, _ set: Digest?) throws(SystemError) -> [String]? {
        var names: [String] = []
        var length: Int64 = 0
        while length < blob.size {
            let name = Self.prefix(blob.digest, set) + "\(names.count)"
            guard let mark = try mark(name), mark.offset == length, mark.length > 0 else { return nil }
            names.append(name)
            length += mark.length
        }
        return length == blob.size ? names : nil
    }

    /// Those of another set may be cut elsewhere.
    private static func prefix(_ blob: Digest, _ set: Digest?) -> String {
        "\(StagedFile.partPrefix)\(set?.hex.prefix(16) ?? "0")-\(StagedFile.name(of: blob))-"
    }

    private static func wholeName(_ blob: Digest, _ set: Digest?) -> String { prefix(blob, set) + "whole" }

    private static func markName(_ part: ArchiveDocument.Part, _ set: Digest?) -> String {
        prefix(part.blob.digest, set) + "\(part.index)"
    }
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
