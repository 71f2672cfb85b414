import GRDB
import NIOCore
import OCI

/// What the entries of others in `index.json` name, and the lists of referrers that stand there, kept from collection like
/// what an archive's volumes have brought: as a set of its own, which does not expire and goes with the entries.
struct ForeignEntries {
    private static let set = Digest.of(ByteBuffer(string: LayoutIndex.fileName))

    let db: Database

    func all() throws -> Set<Digest> {
        try Set(Digest.fetchAll(db, sql: "SELECT digest FROM import_items WHERE set_id = ?", arguments: [Self.set]))
    }

    func replace(with digests: Set<Digest>) throws {
        try db.execute(sql: "DELETE FROM import_sets WHERE id = ?", arguments: [Self.set])
        guard !digests.isEmpty else { return }
        try db.execute(
            sql: "INSERT INTO import_sets (id, expires_at) VALUES (?, ?)",
            arguments: [Self.set, Int64.max]
        )
        for digest in digests {
            try db.executeCached(
                sql: "INSERT INTO import_items (set_id, digest) VALUES (?, ?)",
                arguments: [Self.set, digest]
            )
        }
    }
}

extension LayoutIndex {
    /// What the entries of others name.
    var foreignDigests: Set<Digest> { Set(foreign.compactMap(\.digest)) }

    /// What nothing else keeps of what stands there.
    var keptDigests: Set<Digest> { foreignDigests.union(referrers.lists.map(\.descriptor.digest)) }
}

extension BlobFiles {
    /// The files that some manifests consist of, as far as they are there.
    func closure(of roots: Set<Digest>) throws -> [(blob: Descriptor, manifest: Manifest?)] {
        var found: [(blob: Descriptor, manifest: Manifest?)] = []
        var seen = roots
        var open = Array(roots)
        while let digest = open.popLast() {
            guard let file = try file(digest),
                let blob = Descriptor(mediaType: .octetStream, digest: digest, size: file.size)
            else { continue }
            let manifest = manifest(blob)
            found.append((manifest?.descriptor ?? blob, manifest))
            let needed: [Descriptor] =
                switch manifest?.content {
                case .image(let image): [image.config] + image.layers
                case .index(let index): index.entries.map(\.descriptor)
                case nil: []
                }
            open += needed.map(\.digest).filter { seen.insert($0).inserted }
        }
        return found
    }
}
