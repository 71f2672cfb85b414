import Cache
import Glibc
import Logging
import NIOCore
import OCI

/// Keeps what is known of verified files in a small file beside the cache's content, so that a server that is started
/// again need not hash everything before its first answers.
///
/// Its loss is harmless. A file that was changed meanwhile has other times, and one that was damaged without that is for
/// `imglife cache verify` to find, as it is while one server runs.
struct VerifiedFilesStore: Sendable {
    /// Bytes of one file's record: five words of its version and when it was verified.
    private static let recordSize = 48
    private static let maximumSize: Int64 = 4 << 20
    private static let interval = Duration.seconds(60)

    private static let fileName = "verified"

    /// Where it is.
    let directory: String
    /// Whether what was hashed there may still be believed.
    let isSound: @Sendable () -> Bool
    let logger: Logger

    /// What an earlier server wrote, or nothing when that cannot be used; blocks.
    func load() -> [FileStatus.Version: WallTime] {
        guard var bytes = try? read(), let digest = bytes.readSlice(length: 32), digest == Self.digest(of: bytes)
        else { return [:] }
        var known: [FileStatus.Version: WallTime] = [:]
        while let words = bytes.readMultipleIntegers(as: (Int64, Int64, Int64, Int64, Int64, Int64).self) {
            let version = FileStatus.Version(words: (words.0, words.1, words.2, words.3, words.4))
            known[version] = WallTime(seconds: words.5)
        }
        return known
    }

    /// Writes now and then what has changed, until the task is cancelled, and once more then; where nothing may be believed
    /// any more, the file goes, so that the next server hashes all anew.
    func keep(_ files: VerifiedFiles) async {
        var written = 0
        var isOver = false
        while !isOver {
            do { try await Task.sleep(for: Self.interval) } catch { isOver = true }
            guard isSound() else { return await forget() }
            let (known, changes) = files.known
            guard changes != written else { continue }
            written = changes
            await save(known)
        }
    }

    /// A cache that cannot be written is served all the same.
    private func save(_ known: [FileStatus.Version: WallTime]) async {
        var records = ByteBufferAllocator().buffer(capacity: known.count * Self.recordSize)
        for (version, time) in known {
            let words = version.words
            records.writeMultipleIntegers(words.0, words.1, words.2, words.3, words.4, time.seconds)
        }
        var bytes = Self.digest(of: records)
        bytes.writeImmutableBuffer(records)
        do {
            let root = try Directory(path: directory)
            try await blocking(on: .syncing) { [bytes] in try root.replace(Self.fileName, with: bytes) }
        } catch {
            logger.debug("verified files are not remembered", metadata: ["error": "\(error)"])
        }
    }

    private func forget() async {
        do {
            let root = try Directory(path: directory)
            try await blocking(on: .syncing) { try root.remove(Self.fileName) }
        } catch {
            logger.debug("verified files are not forgotten", metadata: ["error": "\(error)"])
        }
    }

    /// - Returns: `nil` for what somebody else has put there.
    private func read() throws -> ByteBuffer? {
        let directory = try Directory(path: directory)
        guard try directory.status(Self.fileName)?.owner == geteuid() else { return nil }
        return try directory.contents(Self.fileName, limit: Self.maximumSize)
    }

    private static func digest(of bytes: ByteBuffer) -> ByteBuffer {
        ByteBuffer(string: String(Digest.of(bytes).hex.prefix(32)))
    }
}
