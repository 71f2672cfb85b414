import Glibc
import Synchronization

/// What this scope needs and a collection must not remove, for as long as a lock on its file is held.
final class Lease: Sendable {
    let id: String
    private let leases: Directory
    private let file = Mutex<OpenFile?>(nil)

    init(_ leases: Directory) {
        self.leases = leases
        id = "\(getpid())-\(String(UInt64.random(in: .min ... .max), radix: 16))"
    }

    /// Creates and locks the file, the first time.
    func begin() throws(CacheError) {
        do {
            try file.withLock { file in
                while file == nil {
                    let new = try leases.openFile(id, flags: O_RDWR | O_CREAT)
                    // Another process may have found it before it was locked, and be removing it as a dead one's.
                    if case .taken(let locked) = try FileLock.attempt(on: new, named: id, in: leases) {
                        file = locked
                    } else {
                        usleep(200)
                    }
                }
            }
        } catch let error as SystemError {
            throw CacheError(error, "create the lease", path: "\(leases.path)/\(id)")
        } catch {
            throw CacheError(.inputOutput, "create the lease", path: leases.path, "\(error)", cause: error)
        }
    }

    /// Removes the file.
    ///
    /// - Returns: whether there was one.
    func end() -> Bool {
        file.withLock { file in
            guard file.take() != nil else { return false }
            try? leases.remove(id)
            return true
        }
    }
}
