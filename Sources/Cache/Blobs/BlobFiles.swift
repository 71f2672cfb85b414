import Glibc
import NIOCore
import OCI

/// The files below `blobs/`: nobody else has these directories open, so nobody else can write there.
///
/// What puts a file there, takes it away or aside is called by ``BlobStore`` and its helpers in this folder alone, which
/// keep the order of locks, files and rows.
struct BlobFiles: Sendable {
    private let parent: Directory
    private let sha256: Directory
    private let sha512: Directory

    init(_ parent: Directory, sha256: Directory, sha512: Directory) {
        self.parent = parent
        self.sha256 = sha256
        self.sha512 = sha512
    }

    private func directory(_ algorithm: Digest.Algorithm) -> Directory {
        switch algorithm {
        case .sha256: sha256
        case .sha512: sha512
        }
    }

    /// Where a digest's file is, for messages.
    func path(of digest: Digest) -> String { "\(directory(digest.algorithm).path)/\(digest.hex)" }

    /// - Returns: `nil` when there is nothing of that name.
    /// - Throws: ``CacheError`` when that cannot be found out: a disk that fails has lost nothing yet.
    func status(of digest: Digest) throws(CacheError) -> FileStatus? {
        do throws(SystemError) {
            return try directory(digest.algorithm).status(digest.hex)
        } catch {
            throw CacheError(error, "look for", path: path(of: digest), digest: digest)
        }
    }

    /// Whether a file of that size is there; as ``status(of:)``.
    func contains(_ blob: Descriptor) throws(CacheError) -> Bool {
        guard let status = try status(of: blob.digest) else { return false }
        return status.isRegular && status.size == blob.size
    }

    /// Whether something has a blob's name that is no file; as ``status(of:)``.
    func holdsNoFile(_ digest: Digest) throws(CacheError) -> Bool {
        try status(of: digest).map { !$0.isRegular } ?? false
    }

    /// Opens a committed blob.
    ///
    /// - Returns: `nil` when there is none, or none of that size: the next download takes its place.
    func open(_ digest: Digest, size: Int64? = nil) throws(CacheError) -> OpenFile? {
        try open(digest) { file throws(SystemError) in
            let status = try file.status()
            return size == nil || status.size == size ? file : nil
        }
    }

    /// Opens what has a digest's name, and has the caller look what it is.
    ///
    /// - Returns: `nil` when there is nothing of that name, or it is no file.
    func open<File>(
        _ digest: Digest,
        _ look: (OpenFile) throws(SystemError) -> File?
    ) throws(CacheError) -> File? {
        guard try !holdsNoFile(digest) else { return nil }
        do throws(SystemError) {
            return try look(directory(digest.algorithm).openFile(digest.hex, flags: O_RDONLY))
        } catch {
            guard error.code != ENOENT else { return nil }
            throw CacheError(error, "open", path: path(of: digest), digest: digest)
        }
    }

    /// Whether an open file is still the one that a digest names.
    func isCurrent(_ file: OpenFile, _ digest: Digest) throws(CacheError) -> Bool {
        guard let status = try status(of: digest) else { return false }
        do throws(SystemError) {
            return try file.status().isSameFile(as: status)
        } catch {
            throw CacheError(error, "look at", path: path(of: digest), digest: digest)
        }
    }

    /// Takes the lock of an open file if it is free and still the one that the digest names.
    func lock(_ file: OpenFile, _ digest: Digest, _ mode: LockMode) throws(SystemError) -> FileLock.Attempt {
        try FileLock.attempt(on: file, named: digest.hex, in: directory(digest.algorithm), mode)
    }

    /// Reads a small blob whole.
    ///
    /// - Returns: `nil` when there is none, or more than `limit` bytes of it.
    func contents(of digest: Digest, limit: Int) throws(SystemError) -> ByteBuffer? {
        try directory(digest.algorithm).contents(digest.hex, limit: Int64(limit))
    }

    /// Reads a blob as a manifest.
    ///
    /// - Returns: `nil` for one that is no manifest, or not the one it is named after.
    func manifest(_ blob: Descriptor) -> Manifest? {
        guard blob.size > 0, let bytes = try? contents(of: blob.digest, limit: Manifest.maximumSize),
            bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == UInt8(ascii: "{")
        else { return nil }
        return try? Manifest(bytes: bytes, contentType: nil, expected: blob)
    }
}

extension BlobFiles {
    func isEmpty(_ algorithm: Digest.Algorithm) throws(CacheError) -> Bool {
        try listing(algorithm) { directory throws(SystemError) in try directory.isEmpty() }
    }

    /// Goes through the names in no order, without keeping them; they need not be digests.
    ///
    /// - Throws: ``CacheError``; a directory that cannot be read to its end is one.
    func forEachName(_ algorithm: Digest.Algorithm, _ body: (String) -> Void) throws(CacheError) {
        try listing(algorithm) { directory throws(SystemError) in try directory.forEachName(body) }
    }

    /// - Returns: `nil` when there is none, or it is no regular file.
    func file(_ digest: Digest) throws(CacheError) -> StoredFile? {
        try listing(digest.algorithm) { directory throws(SystemError) in try Self.file(digest, in: directory) }
    }

    /// All, by algorithm and name; what is named otherwise is left out.
    func all() throws(CacheError) -> [StoredFile] {
        var files: [StoredFile] = []
        for algorithm in Digest.Algorithm.allCases {
            try listing(algorithm) { directory throws(SystemError) in
                for name in try directory.names().sorted() {
                    guard let digest = try? Digest("\(algorithm.rawValue):\(name)"),
                        let file = try Self.file(digest, in: directory)
                    else { continue }
                    files.append(file)
                }
            }
        }
        return files
    }

    private static func file(_ digest: Digest, in directory: Directory) throws(SystemError) -> StoredFile? {
        guard let status = try directory.status(digest.hex), status.isRegular else { return nil }
        return StoredFile(digest: digest, size: status.size, modifiedAt: status.modifiedAt)
    }

    private func listing<R>(
        _ algorithm: Digest.Algorithm,
        _ body: (Directory) throws(SystemError) -> R
    ) throws(CacheError) -> R {
        let directory = directory(algorithm)
        do throws(SystemError) {
            return try body(directory)
        } catch {
            throw CacheError(error, "list", path: directory.path)
        }
    }
}

extension BlobFiles {
    /// Gives a complete file its digest's name; only with the lock of the digest's shard.
    ///
    /// Not durable before ``sync(_:)``.
    func publish(_ name: String, of ingest: Directory, as digest: Digest) throws(SystemError) {
        try ingest.rename(name, to: directory(digest.algorithm), digest.hex)
    }

    /// Makes durable that there are directories for them: without its own name one loses all that is durable in it.
    func syncDirectories() throws(SystemError) {
        try parent.sync()
    }

    /// Makes durable which files there are.
    func sync(_ algorithm: Digest.Algorithm) throws(SystemError) {
        try directory(algorithm).sync()
    }

    /// Moves a file out, durably; only with the lock of the digest's shard.
    func moveAside(_ digest: Digest, to target: Directory, _ name: String) throws(SystemError) {
        try directory(digest.algorithm).rename(digest.hex, to: target, name)
        try sync(digest.algorithm)
    }

    /// Removes a file where nobody downloads its digest, nor has just renamed its file without recording it yet.
    ///
    /// Only with the lock of the digest's shard. Whoever downloads holds the lock of the file itself from its beginning
    /// in `ingest/` until the row is durable, and keeps it through the renaming. One that is gone already is no error.
    ///
    /// - Returns: whether it is gone; not where somebody works on it.
    func removeIfIdle(_ digest: Digest, ingest: Directory) throws(CacheError) -> Bool {
        do throws(SystemError) {
            guard let partial = try Self.lockUnlessBusy(Ingest.name(digest), in: ingest) else { return false }
            defer { partial.file?.unlock() }
            guard let blob = try Self.lockUnlessBusy(digest.hex, in: directory(digest.algorithm)) else { return false }
            defer { blob.file?.unlock() }
            try directory(digest.algorithm).remove(digest.hex)
            return true
        } catch {
            throw CacheError(error, "remove", path: path(of: digest), digest: digest)
        }
    }

    /// A file that nobody else works on, or that is not there.
    private struct IdleFile {
        let file: OpenFile?
    }

    /// - Returns: `nil` when another has the lock; without a file when there is none.
    private static func lockUnlessBusy(_ name: String, in directory: Directory) throws(SystemError) -> IdleFile? {
        do throws(SystemError) {
            let file = try directory.openFile(name, flags: O_RDONLY)
            return try file.tryLock(.exclusive) ? IdleFile(file: file) : nil
        } catch {
            guard error.code == ENOENT else { throw error }
            return IdleFile(file: nil)
        }
    }
}

/// A regular file under `blobs/` that is named by a digest.
struct StoredFile: Sendable {
    let digest: Digest
    let size: Int64
    /// Seconds since 1970.
    let modifiedAt: Int64
}
