import Glibc
package import NIOCore
import OCI

/// The files that make the cache an OCI image layout (OCI image-spec 1.1.1, "OCI Image Layout").
package enum ImageLayout {
    package static let marker = #"{"imageLayoutVersion":"1.0.0"}"#
    package static let referenceName = "org.opencontainers.image.ref.name"
    package static let containerdName = "io.containerd.image.name"

    /// The text of an archive's `index.json`: every tag, in the order given.
    static func index(of tags: [TagRow]) throws -> [UInt8] {
        Array(LayoutIndex(tags: tags, keeping: nil).text.readableBytesView)
    }
}

extension ContentCache {
    /// Rewrites `index.json` from the tags, so that other tools find them; nothing is written when nothing changed.
    ///
    /// Entries that others have written there stay, and what they name is kept from collection. Call it after each run,
    /// also after a failed one. Safe to repeat.
    package func writeLayout() async throws {
        try await store.writeLayout()
    }
}

extension Store {
    /// What ``ContentCache/writeLayout()`` does.
    func writeLayout() async throws {
        let lock = try await locks.acquire("layout", .exclusive)
        defer { lock.unlock() }
        let tags = try await index.tags()
        try await blocking { try self.replaceLayout(tags) }
    }

    private func replaceLayout(_ tags: [TagRow]) throws {
        let root = directory.root
        let layout = LayoutIndex(tags: tags, keeping: try earlierLayout())
        try keepForeign(layout)
        do throws(SystemError) {
            let text = layout.text
            guard text.readableBytes <= LayoutIndex.limit else { throw SystemError(call: "write", code: EFBIG) }
            if try root.contents(LayoutIndex.fileName, limit: LayoutIndex.limit) != text {
                try root.replace(LayoutIndex.fileName, with: text)
            }
        } catch {
            throw CacheError(error, "write", path: "\(root.path)/\(LayoutIndex.fileName)")
        }
    }

    private func earlierLayout() throws(CacheError) -> LayoutIndex? {
        do throws(SystemError) {
            return try LayoutIndex(directory.root)
        } catch {
            throw CacheError(error, "read", path: "\(directory.path)/\(LayoutIndex.fileName)")
        }
    }

    /// Writes the files that make a directory an image layout, where they are missing; other processes may be at work.
    func completeLayout() async throws {
        do throws(SystemError) {
            let marker = try directory.root.status("oci-layout")
            let list = try directory.root.status(LayoutIndex.fileName)
            guard marker == nil || list == nil else { return }
        } catch {
            throw CacheError(error, "open the cache", path: directory.path)
        }
        let lock = try await locks.acquire("layout", .exclusive)
        defer { lock.unlock() }
        let tags = try await index.tags()
        try await blocking(on: .syncing) { [root = directory.root, path = directory.path] in
            do throws(SystemError) {
                // Without its own name a directory loses all that is durable in it; the cache's own is synced with its
                // files.
                try Directory(path: "\(path)/blobs").sync()
                if try root.status("oci-layout") == nil {
                    try root.replace("oci-layout", with: ByteBuffer(string: ImageLayout.marker))
                }
                if try root.status(LayoutIndex.fileName) == nil {
                    try root.replace(LayoutIndex.fileName, with: LayoutIndex(tags: tags, keeping: nil).text)
                }
            } catch {
                throw CacheError(error, "write the image layout", path: path)
            }
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
    package func contents(_ name: String, limit: Int64) throws(SystemError) -> ByteBuffer? {
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
