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
    /// Measures the time between the signs of life of who holds one alone.
    let pulse: any Clock<Duration>
    let timeout: Duration
    /// Where somebody who waits for long is told of it.
    let logger: Logger

    /// Waits of others' ordinary work are shorter.
    private static let toldAfter = Duration.seconds(2)

    /// Waits for a lock, as long as its holder gives signs of life; its file's name is `store`, `layout`, `import`, `volumes-` or
    /// `referrers-` with three hexadecimal digits, or two hexadecimal digits of a digest.
    ///
    /// - Parameters:
    ///   - name: of its file.
    ///   - mode: how it is held.
    /// - Returns: its file.
    /// - Throws: ``CacheError`` (`locked`) after the timeout, naming the holder where it left a note.
    func acquire(_ name: String, _ mode: LockMode) async throws -> OpenFile {
        let file = try open(name)
        var interval = Duration.milliseconds(1)
        var (patience, waited, isTold) = (Patience(limit: timeout), Duration.zero, false)
        while try !attempt(file, mode, name) {
            guard patience.allowsWaiting(at: try? file.status().version, for: interval) else { throw busy(name, file) }
            if waited >= Self.toldAfter, !isTold {
                isTold = true
                logger.notice("waiting: another imglife process is using the cache\(holder(of: file))")
            }
            try await clock.sleep(for: interval)
            waited += interval
            interval = min(interval * 2, .milliseconds(25))
        }
        if name == "store", mode == .exclusive { note(file) }
        return file
    }

    /// Runs a body that has a lock alone, which may take its time: those who wait see that it lives.
    ///
    /// It makes no room on a full disk, as a collection would wait for the lock.
    ///
    /// - Throws: ``CacheError`` (`locked`) as ``acquire(_:_:)``; what the body throws.
    func holding<R>(_ name: String, _ body: () async throws -> R) async throws -> R {
        try await holding(try await acquire(name, .exclusive), body)
    }

    /// The same with a lock that the caller has got; it is freed at the end.
    func holding<R>(_ lock: OpenFile, _ body: () async throws -> R) async rethrows -> R {
        defer { lock.unlock() }
        return try await Reclaiming.forbidding { try await Patience.givingSigns(pulse, lock.touch, body) }
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

    /// What a sign of life of a lock's holder changes.
    func version(of name: String) -> FileStatus.Version? { try? directory.status(name)?.version }

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
