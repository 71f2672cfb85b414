import Glibc
import NIOCore
import OCI

/// The files that make the cache an OCI image layout (OCI image-spec 1.1.1, "OCI Image Layout").
package struct ImageLayout: Sendable {
    package static let marker = #"{"imageLayoutVersion":"1.0.0"}"#
    package static let referenceName = "org.opencontainers.image.ref.name"
    package static let containerdName = "io.containerd.image.name"
    /// Marks what a cache lists as referring to its images: a list where it has a value, else a referrer.
    package static let referrersName = "io.imglife.referrers"

    let store: Store

    private var directory: StoreDirectory { store.directory }

    /// The text of an archive's `index.json`: every tag, in the order given.
    static func index(of tags: [TagRow]) throws -> [UInt8] {
        Array(LayoutIndex(tags: tags, keeping: nil).text.readableBytesView)
    }
}

extension ImageLayout {
    /// What ``ContentCache/writeLayout()`` does.
    func write() async throws {
        let lock = try await store.locks.acquire("layout", .exclusive)
        defer { lock.unlock() }
        let tags = try await NameWalk(index: store.index).tags()
        let lists = try await LayoutReferrers.lists(store.index, besides: tags)
        if lists.isEmpty, try await blocking({ try saysNothingBut(tags) }) { return }
        let earlier = try await blocking { try earlierLayout() }
        let foreign = LayoutIndex(tags: tags, keeping: earlier).foreignDigests
        let referrers = try await LayoutReferrers(lists, earlier?.referrers.lists ?? [], in: store) { kept in
            try await blocking { try keep(foreign, and: kept) }
        }
        let layout = LayoutIndex(tags: tags, referrers, keeping: earlier)
        try await blocking(on: .syncing) { try replace(with: layout) }
    }

    /// Writes it again where it lists what refers to images, some of which may be gone.
    func updateReferrers() async throws {
        let earlier = try await blocking { try earlierLayout() }
        if earlier?.referrers.lists.isEmpty == false { try await write() }
    }

    /// What refers to images is left out of a text that would grow too large with it.
    private func replace(with layout: LayoutIndex) throws(CacheError) {
        let root = directory.root
        do throws(SystemError) {
            var layout = layout
            if layout.byteCount > LayoutIndex.limit { layout = LayoutIndex(tags: layout.tags, keeping: layout) }
            guard layout.byteCount <= LayoutIndex.limit else { throw SystemError(call: "write", code: EFBIG) }
            if try !layout.isWritten(in: root) {
                try root.replace(LayoutIndex.fileName) { (put) throws(SystemError) in try layout.forEachPiece(put) }
            }
        } catch {
            throw CacheError(error, "write", path: "\(root.path)/\(LayoutIndex.fileName)")
        }
    }

    /// Whether there is nothing to write, as after most runs: no entry of anybody else's, and these tags.
    ///
    /// Told without taking the text apart, which takes as long as everything else that a run without work does.
    private func saysNothingBut(_ tags: [TagRow]) throws -> Bool {
        guard try store.index.read({ try $0.foreignEntries.all() }).isEmpty else { return false }
        do throws(SystemError) {
            return try LayoutIndex(tags: tags, keeping: nil).isWritten(in: directory.root)
        } catch {
            throw CacheError(error, "read", path: "\(directory.path)/\(LayoutIndex.fileName)")
        }
    }

    private func earlierLayout() throws(CacheError) -> LayoutIndex? {
        do throws(SystemError) {
            return try LayoutIndex(directory.root, keepsTags: false)
        } catch {
            throw CacheError(error, "read", path: "\(directory.path)/\(LayoutIndex.fileName)")
        }
    }

    /// Writes the files that make a directory an image layout, where they are missing; other processes may be at work.
    func complete() async throws {
        do throws(SystemError) {
            let marker = try directory.root.status("oci-layout")
            let list = try directory.root.status(LayoutIndex.fileName)
            guard marker == nil || list == nil else { return }
        } catch {
            throw CacheError(error, "open the cache", path: directory.path)
        }
        let lock = try await store.locks.acquire("layout", .exclusive)
        defer { lock.unlock() }
        let tags = try await NameWalk(index: store.index).tags()
        try await blocking(on: .syncing) { [root = directory.root, path = directory.path, blobs = directory.blobs] in
            do throws(SystemError) {
                // The cache's own directory is synced with its files.
                try blobs.syncDirectories()
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

extension ImageLayout {
    /// Keeps what the entries of others name, with all that it consists of, and the lists of referrers; costs no
    /// transaction when that is known.
    ///
    /// Blocks.
    private func keep(_ foreign: Set<Digest>, and lists: Set<Digest>) throws {
        let wanted = foreign.union(lists)
        let known = try store.index.read { try $0.foreignEntries.all() }
        guard wanted != known else { return }
        let files = try directory.blobs.closure(of: foreign.subtracting(known))
        try store.index.write { [now = store.now] db in
            for (blob, manifest) in files where try db.blobs.state(of: blob.digest) == nil {
                try db.blobs.record(blob, verifiedAt: manifest == nil ? nil : now, at: now)
                if let manifest { try db.manifests.record(manifest) }
            }
            try db.foreignEntries.replace(with: wanted)
        }
    }
}
