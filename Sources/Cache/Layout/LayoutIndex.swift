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

    private static let referenceName = "org.opencontainers.image.ref.name"
    private static let containerdName = "io.containerd.image.name"

    /// An entry of somebody else's.
    struct Foreign: Sendable {
        let text: ByteBuffer
        /// `nil` where the entry names none that is understood.
        let digest: Digest?
        /// The full name that it gives, if it does.
        let name: ImageReference?
    }

    /// What has a full name, in the text's order.
    private(set) var tags: [TagRow] = []
    private(set) var foreign: [Foreign] = []
    /// Whether the text could be read to its end.
    private(set) var isWhole = true

    /// Takes the tags, and the foreign entries of an earlier text that none of them replaces.
    init(tags: [TagRow], keeping earlier: LayoutIndex?) {
        self.tags = tags
        guard let earlier, !earlier.foreign.isEmpty else { return }
        let names = Set(tags.map(\.reference))
        foreign = earlier.foreign.filter { entry in entry.name.map { !names.contains($0) } ?? true }
    }

    /// Reads a text as far as it can be read; an entry that cannot be understood is foreign, and never fatal.
    init(parsing bytes: ByteBuffer) {
        var scanner = LayoutScanner(bytes)
        isWhole = scanner.forEachEntry { add($0) }
    }

    /// - Returns: `nil` when there is no such file.
    /// - Throws: ``SystemError``; `EFBIG` for a file beyond the limit.
    init?(_ root: Directory) throws(SystemError) {
        guard let status = try root.status(Self.fileName) else { return nil }
        guard status.size <= Self.limit else { throw SystemError(call: "read", code: EFBIG) }
        guard let bytes = try root.contents(Self.fileName, limit: Self.limit) else { return nil }
        self.init(parsing: bytes)
    }

    private mutating func add(_ text: ByteBuffer) {
        let value = try? JSONValue(parsing: text)
        let digest = value?["digest"]?.string.flatMap { try? Digest($0) }
        let annotations = value?["annotations"]
        let name = annotations?[Self.referenceName]?.string.flatMap { try? ImageReference($0) }
        let row = value.flatMap { Self.row($0, digest, name) }
        if let row { tags.append(row) }
        if row == nil || row.map({ Self.text(of: $0) }) != text {
            foreign.append(Foreign(text: text, digest: digest, name: row?.reference))
        }
    }

    private static func row(_ value: JSONValue, _ digest: Digest?, _ name: ImageReference?) -> TagRow? {
        guard let digest, let name, let tag = name.tag, name.digest == nil,
            let type = value["mediaType"]?.string.flatMap({ try? MediaType($0) }),
            let size = value["size"]?.integer,
            let descriptor = Descriptor(mediaType: type, digest: digest, size: size)
        else { return nil }
        return TagRow(location: name.location, tag: tag, descriptor: descriptor)
    }
}

extension LayoutIndex {
    /// The text: every tag, in the order given, then the entries of others.
    var text: ByteBuffer {
        var text = ByteBuffer(string: #"{"manifests":["#)
        var isFirst = true
        func write(_ entry: ByteBuffer) {
            if !isFirst { text.writeInteger(UInt8(ascii: ",")) }
            isFirst = false
            text.writeImmutableBuffer(entry)
        }
        for row in tags { write(Self.text(of: row)) }
        for entry in foreign { write(entry.text) }
        text.writeString(#"],"mediaType":"\#(MediaType.ociIndex)","schemaVersion":2}"# + "\n")
        return text
    }

    private static func text(of row: TagRow) -> ByteBuffer {
        let name = JSONText.quoted(row.reference.description)
        let type = JSONText.quoted(row.descriptor.mediaType.description)
        return ByteBuffer(
            string: #"{"annotations":{"\#(containerdName)":\#(name),"\#(referenceName)":\#(name)},"#
                + #""digest":"\#(row.descriptor.digest)","mediaType":\#(type),"size":\#(row.descriptor.size)}"#
        )
    }
}
