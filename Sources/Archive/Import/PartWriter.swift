import Cache
import Glibc
import NIOCore
import OCI

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
    /// The blob's file; its lock is shared.
    private let whole: Ingest
    /// Locked alone until the part is there.
    private let mark: Ingest
    private var appender: Ingest.Appender

    init(_ part: ArchiveDocument.Part, _ whole: Ingest, mark: Ingest) {
        self.part = part
        self.whole = whole
        self.mark = mark
        appender = whole.appender(at: part.offset, DigestHasher(part.digest.algorithm))
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
        try whole.file.sync()
        // Somebody who knows nothing of locks may have removed it.
        guard whole.isHere else { throw SystemError(call: "fsync", code: ESTALE) }
        try mark.file.write(PartMark(part).text, at: 0)
        try mark.file.sync()
        Self.share(mark)
    }

    /// Lets others rely on the part as well.
    ///
    /// Whoever takes the mark's lock in between finds the part whole.
    static func share(_ mark: Ingest) { _ = try? mark.file.tryLock(.shared) }

    /// Frees the blob's file for other processes; what has no mark is written anew.
    func giveUp() {
        whole.file.unlock()
    }
}
