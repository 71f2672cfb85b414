import FoundationEssentials
import Glibc
import NIOCore
import OCI

/// The files that make the cache an OCI image layout (OCI image-spec 1.1.1, "OCI Image Layout").
enum ImageLayout {
    static let marker = #"{"imageLayoutVersion":"1.0.0"}"#
    static let referenceName = "org.opencontainers.image.ref.name"
    static let containerdName = "io.containerd.image.name"

    /// The text of `index.json`: every tag, in the order given.
    static func index(of tags: [TagRow]) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try Array(encoder.encode(Document(manifests: tags.map(Entry.init)))) + [UInt8(ascii: "\n")]
    }

    /// The tags that an `index.json` names; entries without a full name are left out.
    static func tags(in bytes: ByteBuffer) -> [TagRow] {
        guard let index = try? Manifest(bytes: bytes, contentType: .ociIndex), case .index(let content) = index.content
        else { return [] }
        return content.entries.compactMap { entry in
            guard let name = entry.annotations[referenceName], let reference = try? ImageReference(name),
                let tag = reference.tag
            else { return nil }
            return TagRow(location: reference.location, tag: tag, descriptor: entry.descriptor)
        }
    }

    private struct Document: Encodable {
        var schemaVersion = 2
        var mediaType = MediaType.ociIndex.description
        let manifests: [Entry]
    }

    private struct Entry: Encodable {
        let mediaType: String
        let digest: String
        let size: Int64
        let annotations: [String: String]

        init(_ row: TagRow) {
            mediaType = row.descriptor.mediaType.description
            digest = row.descriptor.digest.description
            size = row.descriptor.size
            let name = ImageReference(location: row.location, tag: row.tag).description
            annotations = [ImageLayout.referenceName: name, ImageLayout.containerdName: name]
        }
    }
}

extension Directory {
    /// Replaces a file durably: a reader sees the old or the new content, whole.
    func replace(_ name: String, with bytes: ByteBuffer) throws(SystemError) {
        let temporary = ".\(name).\(String(UInt64.random(in: .min ... .max), radix: 16))"
        do throws(SystemError) {
            let file = try openFile(temporary, flags: O_RDWR | O_CREAT | O_EXCL)
            try file.write(bytes, at: 0)
            try file.setMode(0o644)
            try file.sync()
            try rename(temporary, to: self, name)
            try sync()
        } catch {
            try? remove(temporary)
            throw error
        }
    }

    /// Reads a small file whole.
    ///
    /// - Returns: `nil` when there is none, or more than `limit` bytes of it.
    func contents(_ name: String, limit: Int64) throws(SystemError) -> ByteBuffer? {
        do throws(SystemError) {
            let file = try openFile(name, flags: O_RDONLY)
            let length = try file.length()
            return length <= limit ? try file.read(at: 0, atMost: Int(length) + 1) : nil
        } catch {
            guard error.code == ENOENT else { throw error }
            return nil
        }
    }
}

extension ContentCache {
    /// Rewrites `index.json` from the tags, so that other tools find them; nothing is written when nothing changed.
    ///
    /// Call it after each run, also after a failed one. Safe to repeat.
    package func writeLayout() async throws {
        try await store.writeLayout()
    }
}

extension Store {
    /// What ``ContentCache/writeLayout()`` does.
    func writeLayout() async throws {
        let lock = try await locks.acquire("layout", .exclusive)
        defer { lock.unlock() }
        let tags = try await index.read { try $0.names.tags() }
        try await blocking { [root = directory.root] in
            let bytes = ByteBuffer(bytes: try ImageLayout.index(of: tags))
            do throws(SystemError) {
                guard try root.contents("index.json", limit: 1 << 30) != bytes else { return }
                try root.replace("index.json", with: bytes)
            } catch {
                throw CacheError(error, "write", path: "\(root.path)/index.json")
            }
        }
    }
}
