import FoundationEssentials
import GRDB
import Glibc
import NIOCore
import OCI
import TestSupport

/// What a cache's directory holds, looked at from outside and without changing anything.
///
/// The index is read in a copy, as a process would find it that opened it next. Nobody may use the cache meanwhile.
struct Examination: Sendable {
    /// The digests of the files under `blobs/`.
    private(set) var blobs: Set<Digest> = []
    /// Those of them whose bytes are not what their names say.
    private(set) var corrupt: [String] = []
    /// Blobs that the index says are there.
    private(set) var recorded: Set<Digest> = []
    /// Images that tags name.
    private(set) var tags: [String: Digest] = [:]
    /// What recovery has put aside.
    private(set) var suspicious: [String] = []
    /// What contradicts the order of commits: rows without files, tags without all that their images need, or without
    /// its rows.
    private(set) var broken: [String] = []

    init(_ path: String) throws {
        if Files.exists("\(path)/quarantine") { suspicious = try Files.list("\(path)/quarantine") }
        guard Files.exists("\(path)/blobs") else { return }
        for algorithm in try Files.list("\(path)/blobs") {
            for name in try Files.list("\(path)/blobs/\(algorithm)") { try examine(name, algorithm, path) }
        }
        try readIndex(path)
        for digest in recorded.subtracting(blobs).sorted() { broken.append("recorded, but not there: \(digest)") }
        for (tag, digest) in tags {
            let needed = try closure(of: digest, path)
            for missing in needed.subtracting(blobs).sorted() { broken.append("\(tag) lacks \(missing)") }
            // A tag's row is the last one of its image.
            for unknown in needed.intersection(unrecorded).sorted() {
                broken.append("\(tag) needs what is not recorded: \(unknown)")
            }
        }
    }

    /// Files that the index does not know: a kill may leave them, but whoever needs them must take them in, and the next
    /// collection removes the others.
    var unrecorded: Set<Digest> { blobs.subtracting(recorded) }

    /// Takes a blob's row away, as a store would leave it that forgot to write it.
    static func forget(_ digest: Digest, in path: String) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        let queue = try DatabaseQueue(path: "\(path)/index.sqlite", configuration: configuration)
        defer { try? queue.close() }
        let key = Data([digest.algorithm == .sha256 ? 1 : 2] + digest.bytes)
        try queue.write { try $0.execute(sql: "DELETE FROM blobs WHERE digest = ?", arguments: [key]) }
    }

    private mutating func examine(_ name: String, _ algorithm: String, _ path: String) throws {
        guard let digest = try? Digest("\(algorithm):\(name)") else {
            corrupt.append("\(algorithm)/\(name)")
            return
        }
        blobs.insert(digest)
        let bytes = try Files.read("\(path)/blobs/\(algorithm)/\(name)")
        guard Digest.of(bytes, algorithm: digest.algorithm) != digest else { return }
        corrupt.append("\(digest) (\(bytes.readableBytes) bytes)")
    }

    private mutating func readIndex(_ path: String) throws {
        guard Files.exists("\(path)/index.sqlite") else { return }
        let copy = try ScratchDirectory()
        for name in ["index.sqlite", "index.sqlite-journal"] where Files.exists("\(path)/\(name)") {
            try Files.write(try Files.read("\(path)/\(name)"), to: "\(copy.path)/\(name)")
        }
        do {
            let rows = try Self.rows("\(copy.path)/index.sqlite")
            recorded = rows.recorded
            tags = rows.tags
        } catch {
            broken.append("the index: \(error)")
        }
    }

    private static func rows(_ path: String) throws -> (recorded: Set<Digest>, tags: [String: Digest]) {
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        return try queue.read { db in
            guard try db.tableExists("names") else { return ([], [:]) }
            let recorded = try Data.fetchAll(db, sql: "SELECT digest FROM blobs WHERE state = 'ok'").map(digest)
            var tags: [String: Digest] = [:]
            let wholes = "SELECT host || '/' || repository || ':' || reference, digest FROM names WHERE is_whole"
            for row in try Row.fetchAll(db, sql: wholes) {
                tags[row[0]] = try digest(row[1])
            }
            return (Set(recorded), tags)
        }
    }

    private static func digest(_ key: Data) throws -> Digest {
        let algorithm: Digest.Algorithm = key.first == 1 ? .sha256 : .sha512
        guard let digest = Digest(algorithm: algorithm, bytes: Array(key.dropFirst())) else { throw NoDigest(key: key) }
        return digest
    }

    /// All that an image consists of, as far as its manifests are there.
    private func closure(of digest: Digest, _ path: String) throws -> Set<Digest> {
        guard blobs.contains(digest) else { return [digest] }
        let bytes = try Files.read("\(path)/blobs/\(digest.algorithm.rawValue)/\(digest.hex)")
        guard let manifest = try? Manifest(bytes: bytes, contentType: nil, algorithm: digest.algorithm) else {
            return [digest]
        }
        switch manifest.content {
        case .image(let image): return Set([digest, image.config.digest] + image.layers.map(\.digest))
        case .index(let index):
            return try index.entries.reduce(into: [digest]) {
                $0.formUnion(try closure(of: $1.descriptor.digest, path))
            }
        }
    }
}

private struct NoDigest: Error {
    let key: Data
}
