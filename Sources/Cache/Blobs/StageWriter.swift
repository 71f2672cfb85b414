import Glibc
package import NIOCore
package import OCI

/// A file in `ingest/` whose bytes have been hashed, waiting for the archive to be found good.
///
/// It is not kept open: an archive can have more blobs than a process may have files. What another process did to it
/// meanwhile is seen by its status.
package struct StagedFile: Sendable {
    package let digest: Digest
    package let size: Int64
    /// Its name in `ingest/`.
    package let name: String
    let status: FileStatus
    /// Its first bytes, which tell how a layer is compressed.
    package let head: [UInt8]

    /// Begins the names of an archive's parts of blobs, which wait for the others.
    package static let partPrefix = Partial.partPrefix

    /// The name in `ingest/` under which a blob of that digest is gathered, whoever gathers it.
    package static func name(of digest: Digest) -> String { Partial.name(digest) }

    /// Opens and locks it again, unchanged.
    ///
    /// - Returns: `nil` when another process has it, or has changed it.
    package func reopen(in ingest: Directory) throws(SystemError) -> OpenFile? {
        do throws(SystemError) {
            let file = try ingest.openFile(name, flags: O_RDWR)
            guard try file.tryLock(.exclusive), try file.status().isUnchanged(since: status) else { return nil }
            return file
        } catch {
            guard error.code == ENOENT || error.code == EACCES else { throw error }
            return nil
        }
    }

    /// Reads a small one whole; what changed meanwhile is found by whoever checks the digest.
    package func contents(in ingest: Directory, limit: Int) throws(SystemError) -> ByteBuffer? {
        try ingest.contents(name, limit: Int64(limit))
    }
}

/// Writes one blob of an archive into `ingest/`, hashing on the way.
///
/// Under the name of its digest where that is known and free, so that a download or import that is interrupted can be
/// continued; else under a random one.
package struct StageWriter {
    // Not as `Directory.anonymousFile()` names them: what is staged is not locked all the time, and must outlive that.
    private static let anonymousPrefix = "staged-"

    package let name: String
    private let ingest: Directory
    private let file: OpenFile
    private let size: Int64
    private var hasher: DigestHasher
    private var offset: Int64 = 0
    private var started: Int64 = 0
    private var head: [UInt8] = []

    /// Whether no later run can know what it was.
    package var isAnonymous: Bool { name.hasPrefix(Self.anonymousPrefix) }

    /// Takes a name in `ingest/`, the wanted one unless another process has it, and reserves the room.
    package init(
        wanted: String?,
        algorithm: Digest.Algorithm,
        size: Int64,
        in ingest: Directory
    ) throws(SystemError) {
        self.ingest = ingest
        self.size = size
        hasher = DigestHasher(algorithm)
        let taken = try wanted.flatMap { name throws(SystemError) in
            try Self.claim(name, in: ingest).map { (name: name, file: $0) }
        }
        if let taken {
            (name, file) = taken
        } else {
            (name, file) = try ingest.createLocked {
                "\(Self.anonymousPrefix)\(String(UInt64.random(in: .min ... .max), radix: 16))"
            }
        }
        do throws(SystemError) {
            try file.setMode(0o600)
            try file.truncate(to: 0)
            try file.reserve(size)
        } catch {
            remove()
            throw error
        }
    }

    /// Opens and locks a file of `ingest/`, making it where there is none.
    ///
    /// - Returns: `nil` when another process has it.
    package static func claim(_ name: String, in ingest: Directory) throws(SystemError) -> OpenFile? {
        let file = try Partial.open(name, in: ingest)
        guard case .taken(let locked) = try FileLock.attempt(on: file, named: name, in: ingest) else { return nil }
        return locked
    }

    package mutating func write(_ bytes: ByteBuffer) throws(SystemError) {
        if head.count < 8 { head += bytes.readableBytesView.prefix(8 - head.count) }
        hasher.update(bytes)
        try file.write(bytes, at: offset)
        offset += Int64(bytes.readableBytes)
        if offset - started >= Transfer.writebackStep {
            file.startWriteback(at: started, length: offset - started)
            started = offset
        }
    }

    /// Ends the file, and frees its lock.
    package func finish() throws(SystemError) -> StagedFile {
        defer { file.unlock() }
        return StagedFile(
            digest: hasher.finalize(),
            size: offset,
            name: name,
            status: try file.status(),
            head: head
        )
    }

    /// Makes what was written last.
    package func sync() throws(SystemError) {
        try file.sync()
    }

    package func remove() {
        try? ingest.remove(name)
    }
}
