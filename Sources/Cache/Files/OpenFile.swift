import CLinux
import Glibc
import NIOCore
import Synchronization

/// An open file or directory, closed and unlocked when the last user lets go of it.
final class OpenFile: Sendable {
    let descriptor: CInt
    private let isLocked = Atomic(false)

    /// Takes ownership of an open descriptor.
    init(owning descriptor: CInt) {
        self.descriptor = descriptor
    }

    /// Closing alone does not free a lock: a child that another task forks at this moment has a copy of the descriptor
    /// until it runs its own program, and with it the lock.
    deinit {
        if isLocked.load(ordering: .acquiring) { unlock() }
        _ = close(descriptor)
    }

    func status() throws(SystemError) -> FileStatus {
        var status = stat()
        try SystemError.check("fstat") { fstat(descriptor, &status) }
        return FileStatus(status)
    }

    /// Its length at this moment, in bytes.
    func length() throws(SystemError) -> Int64 {
        try status().size
    }

    /// Reads at an offset without moving anything.
    ///
    /// - Returns: up to `count` bytes; none at the end of the file.
    func read(at offset: Int64, atMost count: Int) throws(SystemError) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        var failure: SystemError?
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            do throws(SystemError) {
                return try SystemError.check("pread") {
                    pread(descriptor, memory.baseAddress, min(count, memory.count), off_t(offset))
                }
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return buffer
    }

    /// Writes all readable bytes at an offset, from the buffer's own memory.
    func write(_ buffer: ByteBuffer, at offset: Int64) throws(SystemError) {
        var failure: SystemError?
        buffer.withUnsafeReadableBytes { memory in
            do throws(SystemError) {
                var done = 0
                while done < memory.count {
                    done += try SystemError.check("pwrite") {
                        pwrite(
                            descriptor,
                            memory.baseAddress.map { $0 + done },
                            memory.count - done,
                            off_t(offset) + off_t(done)
                        )
                    }
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    func truncate(to length: Int64) throws(SystemError) {
        try SystemError.check("ftruncate") { ftruncate(descriptor, off_t(length)) }
    }

    /// Sets its times to now, as a sign of life for whoever waits for it; a failure is none.
    func touch() {
        _ = futimens(descriptor, nil)
    }

    func setMode(_ mode: mode_t) throws(SystemError) {
        try SystemError.check("fchmod") { fchmod(descriptor, mode) }
    }

    /// Makes content durable.
    ///
    /// After an error the file must be given up: a second try can claim success falsely.
    func sync() throws(SystemError) {
        try SystemError.check("fsync") { fsync(descriptor) }
    }

    /// Reserves blocks for `length` bytes without changing the length.
    ///
    /// A file system that cannot reserve is not an error.
    ///
    /// - Returns: whether they are reserved.
    @discardableResult
    func reserve(_ length: Int64) throws(SystemError) -> Bool {
        guard length > 0 else { return true }
        let code = clinux_reserve(descriptor, length)
        guard code == 0 || code == EOPNOTSUPP || code == ENOSYS || code == EINVAL else {
            throw SystemError(call: "fallocate", code: code)
        }
        return code == 0
    }

    /// Asks the system to begin writing a range out; only speed depends on it.
    func startWriteback(at offset: Int64, length: Int64) {
        _ = clinux_start_writeback(descriptor, offset, length)
    }

    /// Takes the file's lock if it is free; it ends with ``unlock()``, or when the last user lets go of this open file.
    ///
    /// - Returns: whether it was free.
    func tryLock(_ mode: LockMode) throws(SystemError) -> Bool {
        do throws(SystemError) {
            try SystemError.check("flock") { flock(descriptor, mode.operation | LOCK_NB) }
            isLocked.store(true, ordering: .releasing)
            return true
        } catch {
            guard error.code == EWOULDBLOCK else { throw error }
            return false
        }
    }

    func unlock() {
        _ = flock(descriptor, LOCK_UN)
    }
}

/// How a lock is held.
enum LockMode {
    case shared
    case exclusive

    fileprivate var operation: CInt {
        switch self {
        case .shared: LOCK_SH
        case .exclusive: LOCK_EX
        }
    }
}

/// What is known about a file without reading it.
struct FileStatus: Sendable {
    let device: UInt64
    let inode: UInt64
    let size: Int64
    let owner: UInt32
    let mode: UInt32
    let links: UInt64
    /// Seconds since 1970.
    let modifiedAt: Int64
    /// When content or status changed last, as the system writes it.
    private let changedAt: [Int]

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        owner = status.st_uid
        mode = status.st_mode
        links = UInt64(status.st_nlink)
        modifiedAt = Int64(status.st_mtim.tv_sec)
        changedAt = [status.st_mtim, status.st_ctim].flatMap { [$0.tv_sec, $0.tv_nsec] }
    }

    var isRegular: Bool { mode & S_IFMT == S_IFREG }
    var isDirectory: Bool { mode & S_IFMT == S_IFDIR }

    /// Whether both are the same file, under whatever names.
    func isSameFile(as other: FileStatus) -> Bool {
        device == other.device && inode == other.inode
    }

    /// Whether it is the same file with the same content, as far as the system notes changes.
    func isUnchanged(since earlier: FileStatus) -> Bool {
        isSameFile(as: earlier) && size == earlier.size && changedAt == earlier.changedAt
    }
}
