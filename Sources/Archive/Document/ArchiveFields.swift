import NIOCore
import OCI

/// An object of one of the archive's JSON texts, read strictly.
struct ArchiveFields {
    private let value: JSONValue
    /// The file and the place within it, for messages.
    private let path: String

    private init(_ value: JSONValue, path: String) throws(DocumentError) {
        guard value.members != nil else { throw DocumentError(.structure, "\(path): it is not an object") }
        self.value = value
        self.path = path
    }

    /// An element of a list.
    fileprivate init(element text: [UInt8], path: String) throws(DocumentError) {
        try self.init(Self.parse(text, path), path: path)
    }

    /// A whole text, whose lists have been read already.
    fileprivate init(root text: [UInt8], name: String, version: Int64) throws(DocumentError) {
        try self.init(Self.parse(text, name), path: name)
        try checkVersion(version)
    }

    private static func parse(_ text: [UInt8], _ path: String) throws(DocumentError) -> JSONValue {
        do throws(DocumentError) {
            return try JSONValue(parsing: text)
        } catch {
            throw DocumentError(error.kind, "\(path): \(error.reason)")
        }
    }

    private func checkVersion(_ version: Int64) throws(DocumentError) {
        let found = try integer("version")
        guard found == version else {
            throw DocumentError(.unsupported, "\(path): version \(found) is not known; use a newer imglife")
        }
    }

    /// An unknown member may change what the others mean.
    func allowOnly(_ keys: String...) throws(DocumentError) {
        try allowOnly(Set(keys))
    }

    func allowOnly(_ keys: Set<String>) throws(DocumentError) {
        if let other = value.members?.first(where: { !keys.contains($0.key) }) {
            throw DocumentError(.structure, "\(path): '\(other.key.displaySafe)' is not known")
        }
    }

    func has(_ key: String) -> Bool { value[key] != nil }

    func object(_ key: String) throws(DocumentError) -> ArchiveFields {
        guard let member = value[key] else { throw malformed(key) }
        return try ArchiveFields(member, path: "\(path) \(key)")
    }

    /// Expects lists, empty or not.
    func require(lists keys: String...) throws(DocumentError) {
        for key in keys where value[key]?.elements == nil { throw malformed(key) }
    }

    func string(_ key: String) throws(DocumentError) -> String {
        guard let text = value[key]?.string else { throw malformed(key) }
        return text
    }

    func integer(_ key: String) throws(DocumentError) -> Int64 {
        guard let number = value[key]?.integer, number >= 0 else { throw malformed(key) }
        return number
    }

    func digest(_ key: String) throws(DocumentError) -> Digest {
        guard let digest = try? Digest(string(key)) else { throw malformed(key) }
        return digest
    }

    /// Only the full spelling is taken, so that one image has one name.
    func reference(_ key: String) throws(DocumentError) -> ImageReference {
        let text = try string(key)
        guard let reference = try? ImageReference(text), reference.description.utf8.elementsEqual(text.utf8) else {
            throw malformed(key)
        }
        return reference
    }

    func descriptor() throws(DocumentError) -> Descriptor {
        let text = try string("mediaType")
        guard let type = try? MediaType(text), type.description.utf8.elementsEqual(text.utf8) else {
            throw malformed("mediaType")
        }
        guard let descriptor = Descriptor(mediaType: type, digest: try digest("digest"), size: try integer("size"))
        else { throw malformed("size") }
        return descriptor
    }

    func malformed(_ key: String) -> DocumentError {
        DocumentError(.structure, "\(path): '\(key)' is missing or malformed")
    }
}

/// Reads one of the archive's JSON texts as it comes, giving the elements of its lists one after the other.
struct ArchiveFieldsReader {
    /// The file, for messages.
    private let name: String
    private let limit: Int
    private let version: Int64
    private var splitter: ListSplitter
    private var length = 0
    private var counts: [String: Int] = [:]
    /// What an element was refused for: it is told once the version is known.
    private var failure: DocumentError?

    /// At most `limit` bytes are taken.
    init(name: String, limit: Int, version: Int64, lists: Set<String>) {
        self.name = name
        self.limit = limit
        self.version = version
        splitter = ListSplitter(lists)
    }

    /// Takes the next bytes.
    ///
    /// - Parameters:
    ///   - bytes: of the text.
    ///   - element: gets a list's name and an object in it; what it throws is thrown at the end.
    /// - Throws: ``DocumentError``.
    mutating func take(
        _ bytes: ByteBuffer,
        _ element: (String, ArchiveFields) throws(DocumentError) -> Void
    ) throws(DocumentError) {
        length += bytes.readableBytes
        guard length <= limit else { throw DocumentError(.tooLarge, "\(name) has more than \(limit) bytes") }
        var (counts, failure) = (counts, failure)
        defer { (self.counts, self.failure) = (counts, failure) }
        do throws(DocumentError) {
            try splitter.take(bytes) { (list, text) throws(DocumentError) in
                guard failure == nil else { return }
                let position = counts[list, default: 0]
                counts[list] = position + 1
                do throws(DocumentError) {
                    try element(list, ArchiveFields(element: text, path: "\(name) \(list)[\(position)]"))
                } catch {
                    failure = error
                }
            }
        } catch {
            throw DocumentError(error.kind, "\(name): \(error.reason)")
        }
    }

    /// Says that no more bytes come.
    ///
    /// - Returns: the text itself, with empty lists.
    func finish() throws(DocumentError) -> ArchiveFields {
        let root = try ArchiveFields(root: splitter.finish(), name: name, version: version)
        if let failure { throw failure }
        return root
    }
}
