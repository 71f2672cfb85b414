import Glibc

/// Taking the lock (flock(2)) of a file that another process may remove or rename at the same moment.
///
/// A lock belongs to an inode, not to a name: it counts only while the name still leads to the file that was locked.
package enum FileLock {
    /// What became of one try.
    package enum Attempt: Sendable {
        /// The file, which only its holder may now change, rename or remove.
        case taken(OpenFile)
        /// Somebody else has it, who is also the one to say what becomes of the file.
        case busy(OpenFile)
        /// It was renamed or removed in between: the name is free, or leads to another file, for another try.
        case moved
    }

    /// Tries once; never waits.
    package static func attempt(
        on file: OpenFile,
        named name: String,
        in directory: Directory,
        _ mode: LockMode = .exclusive
    ) throws(SystemError) -> Attempt {
        guard try file.tryLock(mode) else { return .busy(file) }
        guard let status = try directory.status(name), try file.status().isSameFile(as: status) else {
            file.unlock()
            return .moved
        }
        return .taken(file)
    }
}

extension Directory {
    /// Opens a file whose lock is wanted: for writing where that is allowed, as NFS gives nobody an exclusive lock on what is
    /// open for reading alone.
    package func openToLock(_ name: String) throws(SystemError) -> OpenFile {
        do throws(SystemError) {
            return try openFile(name, flags: O_RDWR)
        } catch {
            guard error.code == EACCES else { throw error }
            return try openFile(name, flags: O_RDONLY)
        }
    }

    /// Opens a file that is there and takes its lock if it is free.
    ///
    /// - Returns: `nil` when another has the lock, or nothing of that name is this user's to open.
    package func lockIfFree(
        _ name: String,
        _ mode: LockMode = .exclusive,
        flags: CInt = O_RDONLY
    ) throws(SystemError) -> OpenFile? {
        do throws(SystemError) {
            let file = try openFile(name, flags: flags)
            guard try !file.status().isDirectory else { return nil }
            guard case .taken(let locked) = try FileLock.attempt(on: file, named: name, in: self, mode) else {
                return nil
            }
            return locked
        } catch {
            guard [ENOENT, ELOOP, EACCES, EISDIR].contains(error.code) else { throw error }
            return nil
        }
    }

    /// Makes a file that was not there before and takes its lock.
    ///
    /// Between the two another process may take it for a dead one's and remove it; then it is made again.
    package func createLocked(
        mode: UInt32 = 0o600,
        name: () -> String
    ) throws(SystemError) -> (name: String, file: OpenFile) {
        while true {
            let name = name()
            let file = try openFile(name, flags: O_RDWR | O_CREAT | O_EXCL, mode: mode)
            if case .taken(let locked) = try FileLock.attempt(on: file, named: name, in: self) { return (name, locked) }
        }
    }
}
