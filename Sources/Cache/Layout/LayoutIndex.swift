import Glibc
import NIOCore
import OCI

/// What the cache's `index.json` says (OCI image-spec 1.1.1, "OCI Image Layout"), in both directions: the text that it
/// gives is the text that it takes, whatever its size.
///
/// Entries that this program did not write are kept to the byte.
struct LayoutIndex: Sendable {
    static let fileName = "index.json"
    /// Of writing and of reading alike, in bytes; about three million tags.
    static let limit: Int64 = 1 << 30

    /// An entry of somebody else's.
    struct Foreign: Sendable {
        let text: ByteBuffer
        /// `nil` where the entry names none that is understood.
        let digest: Digest?
        /// The full name that it gives, if it does; the cache's tag of that name takes its place.
        let name: ImageReference?
    }

    /// The names of the cache's own, in the text's order.
    private(set) var tags: [TagRow] = []
    private(set) var foreign: [Foreign] = []
    /// What refers to images; of a text that was read only the lists.
    private(set) var referrers = LayoutReferrers()
    /// Whether the text could be read to its end.
    private(set) var isWhole = true

    /// Takes the tags, and the foreign entries of an earlier text that none of them replaces.
    init(tags: [TagRow], _ referrers: LayoutReferrers = LayoutReferrers(), keeping earlier: LayoutIndex?) {
        self.tags = tags
        self.referrers = referrers
        guard let earlier, !earlier.foreign.isEmpty else { return }
        let names = Set(tags.map(\.reference))
        foreign = earlier.foreign.filter { entry in entry.name.map { !names.contains($0) } ?? true }
    }

    /// Reads a text as far as it can be read; an entry that cannot be understood is foreign, and never fatal.
    init(parsing bytes: ByteBuffer) {
        var scanner = LayoutScanner(LayoutBytes(bytes))
        isWhole = scanner.forEachEntry { add($0, keepsTag: true) }
    }

    /// Reads the file as it comes.
    ///
    /// `nil` when there is no such file. Its tags may be very many: whether they are wanted is for the caller to say.
    ///
    /// - Throws: ``SystemError``; `EFBIG` for a file beyond the limit, `ELOOP` for what is no file.
    init?(_ root: Directory, keepsTags: Bool = true) throws(SystemError) {
        guard let file = try root.existingFile(Self.fileName) else { return nil }
        let size = try file.length()
        guard size <= Self.limit else { throw SystemError(call: "read", code: EFBIG) }
        var scanner = LayoutScanner(LayoutBytes(file, count: Int(size)))
        isWhole = scanner.forEachEntry { add($0, keepsTag: keepsTags) }
        if let failure = scanner.failure { throw failure }
    }

    /// Whether all of it is of this program's making, and names nothing but these.
    func isOurs(_ names: Set<ImageReference>) -> Bool {
        isWhole && foreign.isEmpty && tags.allSatisfy { names.contains($0.reference) }
    }

    /// Enters a manifest without a name, as somebody else's.
    mutating func addForeign(_ descriptor: Descriptor) {
        let type = JSONText.quoted(descriptor.mediaType.description)
        let text = #"{"digest":"\#(descriptor.digest)","mediaType":\#(type),"size":\#(descriptor.size)}"#
        foreign.append(Foreign(text: ByteBuffer(string: text), digest: descriptor.digest, name: nil))
    }

    private mutating func add(_ text: ByteBuffer, keepsTag: Bool) {
        let value = try? JSONValue(parsing: text)
        let digest = value?["digest"]?.string.flatMap { try? Digest($0) }
        let annotations = value?["annotations"]
        let written = annotations?[LayoutEntry.referenceName]?.string
        let name = written.flatMap { try? ImageReference($0) }
        if let mark = annotations?[LayoutEntry.referrersMark]?.string {
            if let list = value.flatMap({ Self.list($0, digest, name, key: mark) }) { referrers.lists.append(list) }
            return
        }
        var row = value.flatMap { Self.row($0, digest, name) }
        if row?.reference.description != written { row = nil }
        // Nobody else gives the full name twice, however others have set it since.
        if let row, keepsTag, annotations?[LayoutEntry.containerdName]?.string == written { tags.append(row) }
        if row == nil || row.map({ Self.text(of: $0) }) != text {
            foreign.append(Foreign(text: text, digest: digest, name: row?.reference))
        }
    }

    private static func row(_ value: JSONValue, _ digest: Digest?, _ name: ImageReference?) -> TagRow? {
        guard let name, let tag = name.tag, name.digest == nil, let descriptor = descriptor(value, digest)
        else { return nil }
        return TagRow(location: name.location, tag: tag, descriptor: descriptor)
    }

    /// - Returns: `nil` for a referrer, which is no list.
    private static func list(
        _ value: JSONValue,
        _ digest: Digest?,
        _ name: ImageReference?,
        key: String
    ) -> LayoutReferrers.Stored? {
        guard let name, let key = try? Digest(key), let descriptor = descriptor(value, digest) else { return nil }
        return LayoutReferrers.Stored(reference: name, key: key, descriptor: descriptor)
    }

    private static func descriptor(_ value: JSONValue, _ digest: Digest?) -> Descriptor? {
        guard let digest, let type = value["mediaType"]?.string.flatMap({ try? MediaType($0) }),
            let size = value["size"]?.integer
        else { return nil }
        return Descriptor(mediaType: type, digest: digest, size: size)
    }
}

extension LayoutIndex {
    /// Says why `index.json` could not be read.
    static func unreadable(_ error: SystemError, in root: Directory) -> CacheError {
        let path = "\(root.path)/\(fileName)"
        guard error.code == EACCES, root.heir != nil else { return CacheError(error, "read", path: path) }
        return CacheError(
            .untrusted,
            "read",
            path: path,
            code: error.code,
            "the cache's owner may not read it, and root would copy it for them; give it to them with 'chown', or remove it",
            cause: error
        )
    }
}

extension LayoutIndex {
    /// The text in one.
    var text: ByteBuffer {
        var text = ByteBuffer()
        forEachPiece { text.writeImmutableBuffer($0) }
        return text
    }

    /// Gives the text in pieces: every tag, in the order given, what refers to them, then the entries of others.
    func forEachPiece<Failure: Error>(_ body: (ByteBuffer) throws(Failure) -> Void) throws(Failure) {
        var text = ByteBuffer(string: #"{"manifests":["#)
        var isFirst = true
        func write(_ entry: ByteBuffer) throws(Failure) {
            if !isFirst { text.writeInteger(UInt8(ascii: ",")) }
            isFirst = false
            text.writeImmutableBuffer(entry)
            guard text.readableBytes >= Self.pieceSize else { return }
            try body(text)
            text.clear(minimumCapacity: Self.pieceSize)
        }
        for row in tags { try write(Self.text(of: row)) }
        for referrer in referrers.referrers { try write(Self.text(of: referrer)) }
        for list in referrers.lists { try write(Self.text(of: list)) }
        for entry in foreign { try write(entry.text) }
        text.writeString(#"],"mediaType":"\#(MediaType.ociIndex)","schemaVersion":2}"# + "\n")
        try body(text)
    }

    private static let pieceSize = 256 << 10

    /// Whether the file says just this.
    ///
    /// - Throws: ``SystemError``.
    func isWritten(in root: Directory) throws(SystemError) -> Bool {
        guard let file = try root.existingFile(Self.fileName) else { return false }
        let length = try file.length()
        var (offset, isSame) = (Int64(0), true)
        try forEachPiece { (piece) throws(SystemError) in
            guard isSame else { return }
            isSame = try file.read(at: offset, atMost: piece.readableBytes) == piece
            offset += Int64(piece.readableBytes)
        }
        return isSame && offset == length
    }

    /// The text's length, in bytes.
    var byteCount: Int64 {
        var count: Int64 = 0
        forEachPiece { count += Int64($0.readableBytes) }
        return count
    }

    private static func text(of row: TagRow) -> ByteBuffer {
        ByteBuffer(string: LayoutEntry.tag(row.descriptor, named: row.reference.description))
    }

    private static func text(of list: LayoutReferrers.Stored) -> ByteBuffer {
        let name = list.reference.description
        return ByteBuffer(string: LayoutEntry.list(list.descriptor, named: name, key: list.key))
    }

    private static func text(of referrer: Descriptor) -> ByteBuffer {
        ByteBuffer(string: LayoutEntry.referrer(referrer))
    }
}
