import Glibc
import NIOCore
import OCI

/// What the index's file held when the last process closed it in order: SQLite cannot see a bit that flips in a row.
///
/// SQLite counts transactions in the file's header. With a higher count somebody has written since who knows nothing of the
/// sum, which then says nothing; with a lower one the file is an older copy of it that was put back.
struct IndexSum: Hashable, Sendable {
    static let suffix = ".sum"
    static let fileName = CacheIndex.fileName + suffix
    static let chunkSize: Int64 = 1 << 20
    /// So many chunks are compared at once at most; of a larger file others each time, so that opening stays quick.
    static let comparedChunks = 64

    private static let title = "imglife index sum 1"

    let size: Int64
    let transactions: UInt32
    let chunks: [Digest]

    /// Reads the whole file; only while this process has it not open in SQLite.
    init(of file: OpenFile) throws(SystemError) {
        size = try file.length()
        transactions = try Self.transactions(in: file) ?? 0
        var chunks: [Digest] = []
        for number in 0..<Self.chunkCount(size) { chunks.append(try Self.digest(of: number, in: file)) }
        self.chunks = chunks
    }

    /// - Returns: `nil` when the text is not a sum, whole as it was written.
    init?(_ text: String) {
        guard let end = text.dropLast().lastIndex(of: "\n") else { return nil }
        let body = text[...end]
        guard Self.digest(of: body).hex == text[text.index(after: end)...].dropLast() else { return nil }
        let lines = body.split(separator: "\n")
        guard lines.count >= 3, lines[0] == Self.title, let size = Int64(lines[1]), let count = UInt32(lines[2]) else {
            return nil
        }
        self.size = size
        transactions = count
        chunks = lines.dropFirst(3).compactMap { try? Digest("sha256:\($0)") }
        guard size >= 0, chunks.count == Self.chunkCount(size) else { return nil }
    }

    var text: String {
        let lines = [Self.title, "\(size)", "\(transactions)"] + chunks.map(\.hex)
        let body = lines.map { "\($0)\n" }.joined()
        return body + Self.digest(of: body[...]).hex + "\n"
    }

    /// What a file is that is not what was written last.
    enum Alteration {
        case damaged
        /// A copy of earlier, which somebody has put back.
        case older
    }

    /// - Returns: `nil` for a file that is what it was, or has been written by another program since.
    ///
    /// All of a file up to 64 MiB is compared, and as much of a larger one, the first part always.
    func alteration(of file: OpenFile) throws(SystemError) -> Alteration? {
        guard let now = try Self.transactions(in: file) else { return .damaged }
        // The count begins again behind the highest.
        guard now == transactions else { return Int32(bitPattern: now &- transactions) > 0 ? nil : .older }
        guard try file.length() == size else { return .damaged }
        for number in [0] + (1..<max(1, chunks.count)).shuffled().prefix(Self.comparedChunks - 1) {
            guard try Self.digest(of: number, in: file) == chunks[number] else { return .damaged }
        }
        return nil
    }
}

extension IndexSum {
    /// Removes the sum of the index at a path, durably; safe to repeat.
    static func remove(besideIndex path: String) throws(SystemError) {
        let end = path.lastIndex(of: "/")
        let directory = try Directory(path: end.map { String(path[...$0]) } ?? ".")
        try directory.remove(path[(end.map(path.index(after:)) ?? path.startIndex)...] + suffix)
        try directory.sync()
    }

    private static func chunkCount(_ size: Int64) -> Int {
        Int(size / chunkSize) + (size % chunkSize == 0 ? 0 : 1)
    }

    private static func digest(of text: Substring) -> Digest {
        Digest.of(ByteBuffer(substring: text))
    }

    private static func digest(of chunk: Int, in file: OpenFile) throws(SystemError) -> Digest {
        var hasher = DigestHasher(.sha256)
        var offset = Int64(chunk) * chunkSize
        let end = offset + chunkSize
        while offset < end {
            let bytes = try file.read(at: offset, atMost: Int(min(end - offset, 256 << 10)))
            guard bytes.readableBytes > 0 else { break }
            hasher.update(bytes)
            offset += Int64(bytes.readableBytes)
        }
        return hasher.finalize()
    }

    /// The file change counter (SQLite's "Database File Format", 1.3.7).
    ///
    /// - Returns: `nil` when the file is too short to have one.
    private static func transactions(in file: OpenFile) throws(SystemError) -> UInt32? {
        var bytes = try file.read(at: 24, atMost: 4)
        return bytes.readInteger()
    }
}
