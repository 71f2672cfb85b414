import Glibc
import Logging
import NIOCore
import OCI

/// The lock files of a cache.
///
/// They are never renamed nor deleted, and locks end with the process.
///
/// Order: store lock, shard lock, SQLite; never two shard locks at once.
struct StoreLocks: Sendable {
    let directory: Directory
    let clock: any Clock<Duration>
    let timeout: Duration
    /// Where somebody who waits for long is told of it.
    let logger: Logger

    /// Waits of others' ordinary work are shorter.
    private static let toldAfter = Duration.seconds(2)

    /// Waits for a lock; its file's name is `store`, `layout`, `import`, `volumes-` or `referrers-` with three
    /// hexadecimal digits, or two hexadecimal digits of a digest.
    ///
    /// - Parameters:
    ///   - name: of its file.
    ///   - mode: how it is held.
    ///   - isAlive: whether the holder touches the file as long as it is at work, so that the timeout begins again.
    /// - Returns: its file.
    /// - Throws: ``CacheError`` (`locked`) after the timeout, naming the holder where it left a note.
    func acquire(_ name: String, _ mode: LockMode, ofLiving isAlive: Bool = false) async throws -> OpenFile {
        let file = try open(name)
        var version = try? file.status().version
        var interval = Duration.milliseconds(1)
        var (waited, isTold) = (Duration.zero, false)
        while try !attempt(file, mode, name) {
            guard waited < timeout else { throw busy(name, file) }
            if waited >= Self.toldAfter, !isTold {
                isTold = true
                logger.notice("waiting: another imglife process is using the cache\(holder(of: file))")
            }
            try await clock.sleep(for: interval)
            waited += interval
            if isAlive, let now = try? file.status().version, now != version { (version, waited) = (now, .zero) }
            interval = min(interval * 2, .milliseconds(25))
        }
        if name == "store", mode == .exclusive { note(file) }
        return file
    }

    /// Takes a lock only if it is free.
    func tryAcquire(_ name: String, _ mode: LockMode) throws(CacheError) -> OpenFile? {
        let file = try open(name)
        return try attempt(file, mode, name) ? file : nil
    }

    /// The name of the lock that guards changes to a digest's file.
    static func shard(_ digest: Digest) -> String {
        String(digest.hex.prefix(2))
    }

    /// The error of whoever has waited for a lock long enough.
    func busy(_ name: String) throws(CacheError) -> CacheError {
        busy(name, try open(name))
    }

    private func open(_ name: String) throws(CacheError) -> OpenFile {
        do throws(SystemError) {
            return try directory.openFile(name, flags: O_RDWR | O_CREAT)
        } catch {
            throw CacheError(error, "open", path: "\(directory.path)/\(name)")
        }
    }

    private func attempt(_ file: OpenFile, _ mode: LockMode, _ name: String) throws(CacheError) -> Bool {
        do throws(SystemError) {
            return try file.tryLock(mode)
        } catch {
            throw CacheError(error, "lock", path: "\(directory.path)/\(name)")
        }
    }

    /// For information only: who the last exclusive holder was.
    private func note(_ file: OpenFile) {
        try? file.truncate(to: 0)
        try? file.write(.init(string: "\(getpid())\n"), at: 0)
    }

    /// Who has a lock, in parentheses, as far as that is known.
    private func holder(of file: OpenFile) -> String {
        let digits = (try? file.read(at: 0, atMost: 20)).map { String(buffer: $0).prefix { $0.isNumber } } ?? ""
        let note = digits.isEmpty ? "" : " (process \(digits) held it last)"
        return LockHolder.of(file).map { " (\($0))" } ?? note
    }

    private func busy(_ name: String, _ file: OpenFile) -> CacheError {
        CacheError(
            .locked,
            "lock",
            path: "\(directory.path)/\(name)",
            "another imglife process is using the cache\(holder(of: file)); wait for it to end, or raise --lock-timeout"
        )
    }
}
