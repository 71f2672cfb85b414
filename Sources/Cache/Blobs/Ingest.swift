import Glibc
import Logging
package import NIOCore
package import OCI

/// A locked file in `ingest/` on its way to a blob: taken, hashed again as far as it is there, appended to while it is
/// hashed, and then committed or given back (PROTOCOL.md, C.2).
///
/// Downloads, manifests, imported blobs and those that are joined from parts all come in this way. Only its lock's holder
/// writes, truncates, removes or renames it; those who write parts of it, each its own, share the lock.
package struct Ingest: Sendable {
    /// What the names of files begin with whose digest is not known yet; nobody goes on with them.
    static let anonymousPrefix = "anon-"
    /// The same for what is not locked all the time, and must outlive that.
    static let stagedPrefix = "staged-"
    /// Begins the names of an archive's parts of blobs, which wait for the others.
    static let partPrefix = "part-"
    /// Ends the name of the file that a blob's parts are written into.
    static let wholeSuffix = "whole"
    /// Of what an import has written, or taken over, and that waits for its commit.
    ///
    /// A download that takes the file over makes it its own again. Its owner can still write: the commit opens it so.
    static let stagedMode: UInt32 = 0o640
    /// Of what is being committed, and of a blob; what a commit leaves so has failed, or its process has died.
    static let committedMode: UInt32 = 0o444
    /// How many bytes are written before the system is asked to begin writing them out.
    static let writebackStep: Int64 = 8 << 20

    package let file: OpenFile
    /// Its name in `ingest/`.
    package let name: String
    package let directory: Directory
    private let logger: Logger

    /// Whether no later run can know what it was.
    package var isAnonymous: Bool { name.hasPrefix(Self.anonymousPrefix) || name.hasPrefix(Self.stagedPrefix) }

    /// What became of the wish to have a name.
    enum Acquired {
        case taken(Ingest)
        /// Another process works on it.
        case busy(OpenFile)
        /// It became a blob, or was removed, between opening and locking: the name is free for another try.
        case moved(OpenFile)
    }

    /// The name of a digest's file, whoever gathers it.
    static func name(_ digest: Digest) -> String {
        "\(digest.algorithm.rawValue)-\(digest.hex)"
    }

    /// Begins the names of what volumes of a set have brought of blobs that they share; of a set of its own where there is none.
    static func partPrefix(of set: Digest?) -> String { "\(partPrefix)\(set?.hex.prefix(16) ?? "0")-" }

    /// Which blob a file belongs to that parts have made, by its name.
    static func blob(ofPart name: String) -> Digest? {
        let pieces = name.split(separator: "-")
        guard name.hasPrefix(partPrefix), pieces.count == 5 else { return nil }
        return try? Digest("\(pieces[2]):\(pieces[3])")
    }

    /// Whether it waits for the end of an import, or for other volumes.
    static func isStaged(_ status: FileStatus, _ name: String) -> Bool {
        name.hasPrefix(partPrefix) || name.hasPrefix(stagedPrefix) || status.mode & 0o777 == stagedMode
    }

    /// A file that nobody has touched for this many seconds is given up.
    ///
    /// A download that was interrupted is worth more than garbage, and outlives the ordinary grace of a collection; a
    /// shorter one is wanted for it too. What volumes of an archive have brought waits for the others, whatever the grace.
    static func lifetime(of name: String, within grace: Duration) -> Int64 {
        if name.hasPrefix(partPrefix) { return ImportRows.lifetime }
        return grace < CollectionOptions.defaultGrace ? grace.components.seconds : 24 * 3600
    }

    /// Takes the file of a name, which is made where there is none; never waits.
    static func acquire(
        _ name: String,
        _ mode: LockMode = .exclusive,
        in store: Store
    ) throws(SystemError) -> Acquired {
        let directory = store.directory.ingest
        let file = try open(name, in: directory)
        switch try FileLock.attempt(on: file, named: name, in: directory, mode) {
        case .taken(let file): return .taken(Ingest(file, name, in: store))
        case .busy(let file): return .busy(file)
        case .moved: return .moved(file)
        }
    }

    /// Takes the file of a name, which is made where there is none.
    ///
    /// - Returns: `nil` when another process has it.
    static func acquireIfFree(_ name: String, in store: Store) throws(SystemError) -> Ingest? {
        if case .taken(let ingest) = try acquire(name, in: store) { ingest } else { nil }
    }

    /// A new file, for content whose digest is not known yet.
    static func anonymous(
        _ prefix: String = anonymousPrefix,
        in store: Store
    ) throws(SystemError) -> Ingest {
        let (name, file) = try store.directory.ingest.createLocked {
            prefix + String(UInt64.random(in: .min ... .max), radix: 16)
        }
        return Ingest(file, name, in: store)
    }

    /// A file that the caller has locked.
    init(_ file: OpenFile, _ name: String, in store: Store) {
        self.file = file
        self.name = name
        directory = store.directory.ingest
        logger = store.configuration.logger
    }

    private static func open(_ name: String, in directory: Directory) throws(SystemError) -> OpenFile {
        do throws(SystemError) {
            return try directory.openFile(name, flags: O_RDWR | O_CREAT)
        } catch {
            // A process that died between making it read-only and renaming it leaves it so.
            guard error.code == EACCES else { throw error }
            try directory.openFile(name, flags: O_RDONLY).setMode(0o600)
            return try directory.openFile(name, flags: O_RDWR)
        }
    }
}

extension Ingest {
    /// Whether it is a blob, whole.
    func holds(_ blob: Descriptor) async throws -> Bool {
        guard try file.length() == blob.size else { return false }
        return try await rehash(for: blob).hasher.finalize() == blob.digest
    }

    /// Hashes what is there of a blob.
    ///
    /// Longer than the blob: nothing of it is kept. No hash state is ever saved: it could disagree with the bytes after a
    /// crash.
    func rehash(for descriptor: Descriptor) async throws -> (length: Int64, hasher: DigestHasher) {
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

    /// Begins to append at an offset; what is before it has been hashed already.
    package func appender(at offset: Int64 = 0, _ hasher: DigestHasher) -> Appender {
        Appender(file: file, hasher: hasher, offset: offset, started: offset)
    }

    /// Writes at the end and hashes exactly what was written.
    package struct Appender: Sendable {
        private let file: OpenFile
        private var hasher: DigestHasher
        /// Where the next bytes go.
        package private(set) var offset: Int64
        private var started: Int64

        fileprivate init(file: OpenFile, hasher: DigestHasher, offset: Int64, started: Int64) {
            self.file = file
            self.hasher = hasher
            self.offset = offset
            self.started = started
        }

        /// Of everything that has been hashed.
        package var digest: Digest { hasher.finalize() }

        package mutating func append(_ bytes: ByteBuffer) throws(SystemError) {
            try write(bytes)
            hash(bytes)
        }

        /// Writes a large piece while another thread hashes it; neither is one of the cooperative pool.
        package mutating func appendLarge(_ bytes: ByteBuffer) async throws {
            async let hashed = blocking(on: .hashing) { [hasher] in
                var hasher = hasher
                hasher.update(bytes)
                return hasher
            }
            var writer = self
            writer = try await blocking(on: .streams) { [writer] in
                var writer = writer
                try writer.write(bytes)
                return writer
            }
            writer.hasher = try await hashed
            self = writer
        }

        /// Hashes alone what is not to be written.
        package mutating func hash(_ bytes: ByteBuffer) {
            hasher.update(bytes)
        }

        /// Writes alone, for whoever hashes elsewhere.
        mutating func write(_ bytes: ByteBuffer) throws(SystemError) {
            try file.write(bytes, at: offset)
            offset += Int64(bytes.readableBytes)
            guard offset - started >= Ingest.writebackStep else { return }
            file.startWriteback(at: started, length: offset - started)
            started = offset
        }
    }

    /// Ends the work on it, whatever became of it: what somebody can go on with stays, with no more space than it holds,
    /// and its lock is freed.
    package func giveBack() {
        defer { file.unlock() }
        do throws(SystemError) {
            // Renamed it is a blob, and another process may have begun another file of its name.
            guard let status = try directory.status(name), try file.status().isSameFile(as: status) else { return }
            guard status.size > 0, !isAnonymous else {
                // Who only shares the lock leaves the file to those others.
                guard try file.tryLock(.exclusive), isHere else { return }
                return try directory.remove(name)
            }
            // A commit begins when all is written, and what it has left may be open for reading alone.
            guard status.mode & 0o777 != Self.committedMode, status.allocated > status.size else { return }
            try file.giveBackReserve()
        } catch {
            logger.warning(
                "the space of a partial download was not given back",
                metadata: ["file": "\(directory.path)/\(name)", "error": "\(error.reason)"]
            )
        }
    }

    /// Whether its file still has a name, here or as a blob.
    package var isHere: Bool { ((try? file.status())?.links ?? 0) > 0 }

    /// Ends the work on bytes that nobody wants.
    package func discard() {
        defer { file.unlock() }
        do throws(SystemError) {
            try directory.remove(name)
        } catch {
            // What is left is found by the next opening.
            logger.warning(
                "a file could not be removed",
                metadata: ["file": "\(directory.path)/\(name)", "error": "\(error.reason)"]
            )
        }
    }
}
