import NIOCore
import OCI

/// One member of an archive that can hold something: a file, or a link where links are understood.
struct TarMember: Hashable {
    enum Kind: Hashable {
        case file
        case directory
        case symbolicLink(target: String)
    }

    let name: String
    let kind: Kind
    /// In bytes; none for what is no file.
    let size: Int64
}

/// Reads a tar archive as its bytes come, without I/O of its own: bytes go in, events come out.
///
/// ustar, GNU long names, base-256 sizes, PAX `path`, `linkpath` and `size`. Holds one header in memory. Refuses
/// everything that readers of tar understand differently, and counts beyond ``Limits``.
struct TarParser {
    /// What an archive may ask for.
    struct Limits {
        var members = 500_000
        /// Bytes of one PAX header or long name.
        var headerBytes: Int64 = 64 << 10
        /// Zeros behind the end, which pad archives to the record size of a tape.
        var padding = 4 << 20
    }

    enum Event {
        case member(TarMember)
        /// The next bytes of the last member, which is a file.
        case content(ByteBuffer)
        /// The last member, a file, is complete.
        case endOfFile
    }

    private enum State {
        case header
        /// A PAX header or long name is being gathered.
        case extensionBody(TarBlock.Kind, size: Int64)
        case content(remaining: Int64)
        case padding(Int)
        /// One block of zeros has been seen.
        case firstEnd
        case end(padding: Int)
    }

    private var limits: Limits
    private var buffer = ByteBuffer()
    private var state = State.header
    private var hasBegun = false
    private var members = 0
    private var contentSize: Int64 = 0
    private var records: PAXRecords?
    private var longName: String?
    private var longLink: String?

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Takes the next bytes; call ``next()`` until it gives `nil` before giving more.
    mutating func append(_ bytes: ByteBuffer) {
        guard buffer.readableBytes > 0 else {
            buffer = bytes
            return
        }
        // Not written behind the rest where that stands: what has been read before it would never be let go.
        var joined = ByteBufferAllocator().buffer(capacity: buffer.readableBytes + bytes.readableBytes)
        joined.writeImmutableBuffer(buffer)
        joined.writeImmutableBuffer(bytes)
        buffer = joined
    }

    /// The memory that is taken for bytes which have been given and not yet told as events.
    var heldMemory: Int { buffer.storageCapacity }

    /// The next event.
    ///
    /// - Returns: `nil` when more bytes are needed.
    mutating func next() throws(ArchiveRefusal) -> Event? {
        while true {
            switch state {
            case .header, .firstEnd:
                guard let block = readBlock() else { return nil }
                if let member = try header(block) { return .member(member) }
            case .extensionBody(let kind, let size):
                guard let body = readBody(size) else { return nil }
                try take(body, as: kind)
                state = .header
            case .content(remaining: 0):
                state = .padding(Self.padding(after: contentSize))
                return .endOfFile
            case .content(let remaining):
                guard buffer.readableBytes > 0,
                    let piece = buffer.readSlice(length: Int(min(remaining, Int64(buffer.readableBytes))))
                else { return nil }
                state = .content(remaining: remaining - Int64(piece.readableBytes))
                return .content(piece)
            case .padding(let count):
                guard buffer.readableBytes >= count else { return nil }
                buffer.moveReaderIndex(forwardBy: count)
                state = .header
            case .end(let padding):
                try skipPadding(padding)
                return nil
            }
        }
    }

    /// Bytes that have been given and not yet told as events.
    var bufferedBytes: Int { buffer.readableBytes }

    /// Allows for so many members with content, each with a directory.
    mutating func expect(_ count: Int) {
        limits.members = max(limits.members, 2 * count + 64)
    }

    /// Says that no more bytes come.
    func finish() throws(ArchiveRefusal) {
        if case .end = state, buffer.readableBytes == 0 { return }
        if !hasBegun {
            throw ArchiveRefusal("it is not a tar archive, or was cut in its first \(TarBlock.blockSize) bytes")
        }
        throw ArchiveRefusal("it ends too early; it was not written or copied to its end")
    }

    /// How many bytes follow a file's content up to the next block.
    private static func padding(after size: Int64) -> Int {
        Int((512 - size % 512) % 512)
    }
}

extension TarParser {
    private mutating func readBlock() -> ByteBuffer? {
        let block = buffer.readSlice(length: TarBlock.blockSize)
        if block != nil { hasBegun = true }
        return block
    }

    /// An extension's content; what pads it goes too.
    private mutating func readBody(_ size: Int64) -> ByteBuffer? {
        let padded = Int(size) + Self.padding(after: size)
        guard buffer.readableBytes >= padded, let body = buffer.readSlice(length: Int(size)) else { return nil }
        buffer.moveReaderIndex(forwardBy: padded - Int(size))
        return body
    }

    /// - Returns: `nil` for a block that is no member of its own.
    private mutating func header(_ block: ByteBuffer) throws(ArchiveRefusal) -> TarMember? {
        if TarBlock.isEnd(block) {
            guard records == nil, longName == nil, longLink == nil else {
                throw ArchiveRefusal("it ends behind a header that belongs to a further member")
            }
            if case .firstEnd = state { state = .end(padding: 0) } else { state = .firstEnd }
            return nil
        }
        if case .firstEnd = state { throw ArchiveRefusal("it goes on behind a block that begins its end") }
        let header = try TarBlock(block)
        switch header.kind {
        case .extended, .longName, .longLink:
            guard header.size <= limits.headerBytes else {
                throw ArchiveRefusal(header.name, "is a header of more than \(limits.headerBytes) bytes")
            }
            state = .extensionBody(header.kind, size: header.size)
            return nil
        case .file, .directory, .symbolicLink: return try member(header)
        }
    }

    private mutating func member(_ header: TarBlock) throws(ArchiveRefusal) -> TarMember {
        defer { (records, longName, longLink) = (nil, nil, nil) }
        // Headers need no limit of their own: none follows another of its kind.
        members += 1
        guard members <= limits.members else { throw ArchiveRefusal("it has more than \(limits.members) members") }
        guard records?.path == nil || longName == nil, records?.linkTarget == nil || longLink == nil else {
            throw ArchiveRefusal(header.name, "has two long names")
        }
        let name = records?.path ?? longName ?? header.name
        let size = records?.size ?? header.size
        guard !name.isEmpty else { throw ArchiveRefusal("it has a member without a name") }
        switch header.kind {
        case .file:
            contentSize = size
            state = .content(remaining: size)
            return TarMember(name: name, kind: .file, size: size)
        case .symbolicLink:
            try checkEmpty(name, size)
            let target = records?.linkTarget ?? longLink ?? header.linkTarget
            return TarMember(name: name, kind: .symbolicLink(target: target), size: 0)
        default:
            try checkEmpty(name, size)
            return TarMember(name: name, kind: .directory, size: 0)
        }
    }

    /// Some readers would skip the bytes that a link or directory claims, others not.
    private mutating func checkEmpty(_ name: String, _ size: Int64) throws(ArchiveRefusal) {
        guard size == 0 else { throw ArchiveRefusal(name, "is no file, but claims \(size) bytes") }
        state = .header
    }

    private mutating func take(_ body: ByteBuffer, as kind: TarBlock.Kind) throws(ArchiveRefusal) {
        switch kind {
        case .extended:
            guard records == nil else { throw ArchiveRefusal("a PAX header follows another") }
            records = try PAXRecords(Array(body.readableBytesView))
        case .longName:
            guard longName == nil else { throw ArchiveRefusal("a long name follows another") }
            longName = try Self.longText(body)
        default:
            guard longLink == nil else { throw ArchiveRefusal("a long link target follows another") }
            longLink = try Self.longText(body)
        }
    }

    /// GNU tar ends it with a NUL that its size counts.
    private static func longText(_ body: ByteBuffer) throws(ArchiveRefusal) -> String {
        var bytes = Array(body.readableBytesView)[...]
        if bytes.last == 0 { bytes = bytes.dropLast() }
        guard !bytes.isEmpty, !bytes.contains(0) else {
            throw ArchiveRefusal(String(decoding: bytes, as: UTF8.self), "has an empty name, or a NUL in it")
        }
        return try TarBlock.utf8(bytes)
    }

    private mutating func skipPadding(_ skipped: Int) throws(ArchiveRefusal) {
        guard buffer.readableBytesView.allSatisfy({ $0 == 0 }) else {
            throw ArchiveRefusal("other bytes follow its end")
        }
        let count = skipped + buffer.readableBytes
        guard count <= limits.padding else {
            throw ArchiveRefusal("more than \(limits.padding) zeros follow its end")
        }
        state = .end(padding: count)
        buffer.clear()
    }
}
