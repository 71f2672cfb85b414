import FoundationEssentials
import GRDB
import Logging
import NIOCore
import OCI

extension Initialization {
    private static let scratchName = "index.rebuild.sqlite"

    /// Makes an index out of the blobs and the tags that `index.json` names, beside its place, then moves it there.
    ///
    /// Blobs are taken over by their names, unverified; manifests are hashed and read. A stopped rebuild leaves nothing
    /// that counts.
    func rebuiltIndex() throws -> CacheIndex {
        for suffix in ["", "-journal"] { try directory.root.remove(Self.scratchName + suffix) }
        let scratch = try CacheIndex(path: "\(directory.path)/\(Self.scratchName)")
        try scratch.migrate()
        let tags = try layoutTags()
        let blobs = try Digest.Algorithm.allCases.flatMap(blobsOnDisk)
        if !blobs.isEmpty || !tags.isEmpty { try fill(scratch, blobs, tags) }
        try scratch.close()
        // Closed in order, its journal is empty; it would stay behind under the old name.
        try directory.root.remove(Self.scratchName + "-journal")
        try directory.root.rename(Self.scratchName, to: directory.root, CacheIndex.fileName)
        try directory.root.sync()
        return try CacheIndex(path: "\(directory.path)/\(CacheIndex.fileName)")
    }

    private func fill(_ index: CacheIndex, _ blobs: [Descriptor], _ tags: [TagRow]) throws {
        let now = configuration.now()
        try index.write { db in
            for blob in blobs {
                let manifest = readManifest(blob)
                try CacheIndex.upsertBlob(db, blob, verifiedAt: manifest == nil ? nil : now, now: now)
                if let manifest { try CacheIndex.upsert(db, manifest) }
            }
            for tag in tags {
                let isKnown = try Bool.fetchOne(
                    db,
                    sql: "SELECT EXISTS (SELECT 1 FROM manifests WHERE digest = ?)",
                    arguments: [tag.descriptor.digest.key]
                )
                guard isKnown == true else { continue }
                try CacheIndex.upsertTag(db, tag.tag, tag.location, tag.descriptor.digest, now)
            }
        }
        configuration.logger.notice(
            "the index has been rebuilt",
            metadata: ["blobs": "\(blobs.count)", "tags": "\(tags.count)"]
        )
    }

    private func layoutTags() throws -> [TagRow] {
        guard let bytes = try directory.root.contents("index.json", limit: 64 << 20) else { return [] }
        return ImageLayout.tags(in: bytes)
    }

    private func blobsOnDisk(_ algorithm: Digest.Algorithm) throws -> [Descriptor] {
        let blobs = directory.blobs(algorithm)
        return try blobs.names().sorted().compactMap { name in
            guard let digest = try? Digest("\(algorithm.rawValue):\(name)"), let status = try blobs.status(name),
                status.isRegular
            else { return nil }
            return Descriptor(mediaType: .octetStream, digest: digest, size: status.size)
        }
    }

    /// - Returns: `nil` for a blob that is no manifest, or not the one it is named after.
    private func readManifest(_ blob: Descriptor) -> Manifest? {
        let blobs = directory.blobs(blob.digest.algorithm)
        guard blob.size > 0, let bytes = try? blobs.contents(blob.digest.hex, limit: Int64(Manifest.maximumSize)),
            bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == UInt8(ascii: "{")
        else { return nil }
        return try? Manifest(bytes: bytes, contentType: nil, expected: blob)
    }
}
