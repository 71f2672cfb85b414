import CLinux
import Glibc
package import NIOCore
import OCI
import Synchronization

/// An open file or directory, closed and unlocked when the last user lets go of it.
package final class OpenFile: Sendable {
    package let descriptor: CInt
    private let isLocked = Atomic(false)

    /// Takes ownership of an open descriptor.
    package init(owning descriptor: CInt) {
        self.descriptor = descriptor
    }

    /// Closing alone does not free a lock: a child that another task forks at this moment has a copy of the descriptor
    /// until it runs its own program, and with it the lock.
    deinit {
        if isLocked.load(ordering: .acquiring) { unlock() }
        _ = close(descriptor)
    }

    package func status() throws(SystemError) -> FileStatus {
        var status = stat()
        try SystemError.check("fstat") { fstat(descriptor, &status) }
        return FileStatus(status)
    }

    /// Its length at this moment, in bytes.
    package func length() throws(SystemError) -> Int64 {
        try status().size
    }

    /// Reads at an offset without moving anything.
    ///
    /// - Returns: up to `count` bytes; none at the end of the file.
    package func read(at offset: Int64, atMost count: Int) throws(SystemError) -> ByteBuffer {
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
    package func write(_ buffer: ByteBuffer, at offset: Int64) throws(SystemError) {
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

    package func truncate(to length: Int64) throws(SystemError) {
        try SystemError.check("ftruncate") { ftruncate(descriptor, off_t(length)) }
    }

    /// Sets its times to now, as a sign of life for whoever waits for it; a failure is none.
    package func touch() {
        _ = futimens(descriptor, nil)
    }

    package func setMode(_ mode: UInt32) throws(SystemError) {
        try SystemError.check("fchmod") { fchmod(descriptor, mode) }
    }

    /// Makes content durable.
    ///
    /// After an error the file must be given up: a second try can claim success falsely.
    package func sync() throws(SystemError) {
        try SystemError.check("fsync") { fsync(descriptor) }
    }

    /// Reserves blocks for `length` bytes without changing the length.
    ///
    /// A file system that cannot reserve is not an error.
    ///
    /// - Returns: whether they are reserved.
    @discardableResult
    package func reserve(_ length: Int64) throws(SystemError) -> Bool {
        guard length > 0 else { return true }
        let code = clinux_reserve(descriptor, length)
        guard code == 0 || code == EOPNOTSUPP || code == ENOSYS || code == EINVAL else {
            throw SystemError(call: "fallocate", code: code)
        }
        return code == 0
    }

    /// Gives blocks back that were reserved behind the end; what it holds and its times stay.
    package func giveBackReserve() throws(SystemError) {
        var status = stat()
        try SystemError.check("fstat") { fstat(descriptor, &status) }
        // A truncation to the same length frees what is behind it (fallocate(2)).
        try truncate(to: Int64(status.st_size))
        let times = [status.st_atim, status.st_mtim]
        try SystemError.check("futimens") { futimens(descriptor, times) }
    }

    /// Asks the system to begin writing a range out; only speed depends on it.
    package func startWriteback(at offset: Int64, length: Int64) {
        _ = clinux_start_writeback(descriptor, offset, length)
    }

    /// Takes the file's lock if it is free; it ends with ``unlock()``, or when the last user lets go of this open file.
    ///
    /// - Returns: whether it was free.
    package func tryLock(_ mode: LockMode) throws(SystemError) -> Bool {
        do throws(SystemError) {
            try SystemError.check("flock") { flock(descriptor, mode.operation | LOCK_NB) }
            isLocked.store(true, ordering: .releasing)
            return true
        } catch {
            guard error.code == EWOULDBLOCK else { throw error }
            return false
        }
    }

    package func unlock() {
        _ = try? SystemError.check("flock") { flock(descriptor, LOCK_UN) }
    }
}

/// How a lock is held.
package enum LockMode: Sendable {
    case shared
    case exclusive

    fileprivate var operation: CInt {
        switch self {
        case .shared: LOCK_SH
        case .exclusive: LOCK_EX
        }
    }
}

extension OpenFile {
    /// Reads at an offset into memory of the caller's.
    ///
    /// - Returns: how many bytes; 0 at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SystemError) -> Int {
        try SystemError.check("pread") { pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)) }
    }

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
