import Glibc
import Logging
import NIOCore
import OCI

/// A locked file in `ingest/`: the beginning of a blob.
///
/// Only its lock's holder writes, truncates, removes or renames it.
struct Partial: Sendable {
    let descriptor: Descriptor
    let file: OpenFile
    let name: String
    let ingest: Directory

    /// What the names of files begin with whose digest is not known yet; nobody goes on with them.
    static let anonymousPrefix = "anon-"
    /// Begins the names of an archive's parts of blobs, which wait for the others.
    static let partPrefix = "part-"

    /// A file that nobody has touched for this many seconds is given up.
    ///
    /// A download that was interrupted is worth more than garbage, and outlives the ordinary grace of a collection; a
    /// shorter one is wanted for it too. What volumes of an archive have brought waits for the others, whatever the grace.
    static func lifetime(of name: String, within grace: Duration) -> Int64 {
        if name.hasPrefix(partPrefix) { return CacheIndex.importLifetime }
        return grace < CollectionOptions.defaultGrace ? grace.components.seconds : 24 * 3600
    }

    static func name(_ digest: Digest) -> String {
        "\(digest.algorithm.rawValue)-\(digest.hex)"
    }

    /// Opens the file that the digest's partial has, without locking it.
    static func open(_ name: String, in ingest: Directory) throws(SystemError) -> OpenFile {
        do throws(SystemError) {
            return try ingest.openFile(name, flags: O_RDWR | O_CREAT)
        } catch {
            // A process that died between making it read-only and renaming it leaves it so.
            guard error.code == EACCES else { throw error }
            try ingest.openFile(name, flags: O_RDONLY).setMode(0o600)
            return try ingest.openFile(name, flags: O_RDWR)
        }
    }

    /// A new, locked file for content whose digest is not known yet.
    static func anonymousFile(in ingest: Directory) throws(SystemError) -> (name: String, file: OpenFile) {
        try ingest.createLocked { anonymousPrefix + String(UInt64.random(in: .min ... .max), radix: 16) }
    }

    /// Hashes what is there.
    ///
    /// Longer than the blob: nothing of it is kept.
    ///
    /// No hash state is ever saved: it could disagree with the bytes after a crash.
    func rehash() async throws -> (length: Int64, hasher: DigestHasher) {
        let length = try file.length()
        guard length <= descriptor.size else {
            try file.truncate(to: 0)
            return (0, DigestHasher(descriptor.digest.algorithm))
        }
        var hasher = DigestHasher(descriptor.digest.algorithm)
        var offset: Int64 = 0
        while offset < length {
            try Task.checkCancellation()
            let end = min(length, offset + (16 << 20))
            (offset, hasher) = try await blocking(on: .hashing) { [file, offset, hasher] in
                try file.hash(offset..<end, with: hasher)
            }
            // Who waits for this download sees that it is not at a standstill.
            file.touch()
        }
        return (length, hasher)
    }

    /// Ends the work on it, whatever became of it: what is left of it stays for the next one, with no more space than it
    /// holds, and its lock is freed.
    func giveBack(_ logger: Logger) {
        defer { file.unlock() }
        do throws(SystemError) {
            // Renamed it is a blob, and another process may have begun another file of its name.
            guard let status = try ingest.status(name), try file.status().isSameFile(as: status) else { return }
            guard status.size > 0 else { return try ingest.remove(name) }
            if status.allocated > status.size { try file.giveBackReserve() }
        } catch {
            logger.warning(
                "the space of a partial download was not given back",
                metadata: ["file": "\(ingest.path)/\(name)", "error": "\(error.reason)"]
            )
        }
    }
}

extension OpenFile {
    /// Feeds a part of the file to a hasher.
    ///
    /// - Returns: where it stopped, and the hasher.
    func hash(_ range: Range<Int64>, with hasher: DigestHasher) throws(SystemError) -> (Int64, DigestHasher) {
        var hasher = hasher
        var offset = range.lowerBound
        while offset < range.upperBound {
            let buffer = try read(at: offset, atMost: min(1 << 20, Int(range.upperBound - offset)))
            guard buffer.readableBytes > 0 else { throw SystemError(call: "pread", code: EIO) }
            hasher.update(buffer)
            offset += Int64(buffer.readableBytes)
        }
        return (offset, hasher)
    }
}
