import Glibc
import Logging
import NIOCore
import OCI

/// The files that make the cache an OCI image layout (OCI image-spec 1.1.1, "OCI Image Layout").
package struct ImageLayout: Sendable {
    package static let marker = #"{"imageLayoutVersion":"1.0.0"}"#

    let store: Store

    private var directory: StoreDirectory { store.directory }

    /// The text of an archive's `index.json`: every tag, in the order given.
    static func index(of tags: [TagRow]) throws -> [UInt8] {
        Array(LayoutIndex(tags: tags, keeping: nil).text.readableBytesView)
    }
}

extension ImageLayout {
    /// What ``ContentCache/writeLayout()`` does.
    func write() async throws { try await store.locks.holding("layout", rewrite) }

    private func rewrite() async throws {
        let tags = try await NameWalk(index: store.index).tags()
        let lists = try await LayoutReferrers.lists(store.index, besides: tags)
        if lists.isEmpty, try await blocking({ try saysNothingBut(tags) }) { return }
        let earlier = try await wholeLayout()
        let foreign = LayoutIndex(tags: tags, keeping: earlier).foreignDigests
        let referrers = try await LayoutReferrers(lists, earlier?.referrers.lists ?? [], in: store) { kept in
            try await blocking { try keep(foreign, and: kept) }
        }
        if earlier?.isWhole == false { try await blocking { keepCut() } }
        let layout = LayoutIndex(tags: tags, referrers, keeping: earlier)
        try await blocking(on: .syncing) { try replace(with: layout) }
    }

    /// Learns what others have entered or written in their own way, and forgets names that are gone, before anything is
    /// removed.
    ///
    /// Where there is no room to write, that nothing of theirs is unknown is enough: the removal makes room.
    func takeUp() async throws {
        let tags = try await NameWalk(index: store.index).tags()
        let (isOurs, foreign) = try await blocking {
            let present = try earlierLayout(keepsTags: true)
            let names = Set(tags.map(\.reference))
            let isOurs = present?.isOurs(names) ?? true
            return (isOurs, isOurs ? [] : LayoutIndex(tags: tags, keeping: present).foreignDigests)
        }
        guard !isOurs else { return }
        do {
            try await write()
        } catch let error as CacheError where error.kind == .diskFull {
            guard foreign.isSubset(of: try await store.index.read { try $0.foreignEntries.all() }) else { throw error }
        }
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
            throw LayoutIndex.unreadable(error, in: directory.root)
        }
    }

    /// What stands there, once another tool that writes it in place has come to its end.
    ///
    /// If it does not, what others have entered before stays, without its names.
    private func wholeLayout() async throws -> LayoutIndex? {
        var layout = try await blocking { try earlierLayout() }
        for _ in 0..<Self.looks where layout?.isWhole == false {
            try await store.configuration.clock.sleep(for: Self.pause)
            layout = try await blocking { try earlierLayout() }
        }
        guard layout?.isWhole != true else { return layout }
        return try await withForeignEntries(layout)
    }

    /// The layout, or a new one, with what others had entered and is not in it.
    private func withForeignEntries(_ layout: LayoutIndex?) async throws -> LayoutIndex {
        var layout = layout ?? LayoutIndex(tags: [], keeping: nil)
        let lost = try await store.index.read { [named = layout.foreignDigests] db in
            try db.foreignEntries.all().subtracting(named).sorted().compactMap { try db.manifests.descriptor(of: $0) }
        }
        for descriptor in lost { layout.addForeign(descriptor) }
        return layout
    }

    private static let looks = 5
    private static let pause = Duration.milliseconds(100)

    /// Keeps a copy of what cannot be read to its end, where there is room: names that others had entered may be in it.
    private func keepCut() {
        let name = "\(LayoutIndex.fileName).\(store.now)"
        var place = "none"
        if let text = try? directory.root.contents(LayoutIndex.fileName, limit: Self.largestKept),
            (try? directory.quarantine.replace(name, with: text)) != nil
        {
            place = "\(directory.quarantine.path)/\(name)"
            try? Evidence(directory).bound()
        }
        store.configuration.logger.warning(
            """
            index.json cannot be read to its end and is written anew; what other tools entered and is not in it is kept, \
            without its name
            """,
            metadata: ["copy": "\(place)"]
        )
    }

    private static let largestKept: Int64 = 16 << 20

    /// What the entries of others consist of, as far as it is there.
    func foreignContents() async throws -> Set<Digest> {
        let tags = try await NameWalk(index: store.index).tags()
        return try await blocking {
            let foreign = LayoutIndex(tags: tags, keeping: try earlierLayout()).foreignDigests
            return Set(try directory.blobs.closure(of: foreign).map(\.blob.digest))
        }
    }

    private func earlierLayout(keepsTags: Bool = false) throws(CacheError) -> LayoutIndex? {
        do throws(SystemError) {
            return try LayoutIndex(directory.root, keepsTags: keepsTags)
        } catch {
            throw LayoutIndex.unreadable(error, in: directory.root)
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
        try await store.locks.holding("layout") {
            let tags = try await NameWalk(index: store.index).tags()
            let foreign = try await withForeignEntries(nil)
            try await blocking(on: .syncing) {
                [root = directory.root, path = directory.path, blobs = directory.blobs] in
                do throws(SystemError) {
                    // The cache's own directory is synced with its files.
                    try blobs.syncDirectories()
                    if try root.status("oci-layout") == nil {
                        try root.replace("oci-layout", with: ByteBuffer(string: ImageLayout.marker))
                    }
                    if try root.status(LayoutIndex.fileName) == nil {
                        try root.replace(LayoutIndex.fileName, with: LayoutIndex(tags: tags, keeping: foreign).text)
                    }
                } catch {
                    throw CacheError(error, "write the image layout", path: path)
                }
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
