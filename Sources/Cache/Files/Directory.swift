import CLinux
import Glibc

/// An open directory; everything in it is reached through its descriptor, and symbolic links are never followed.
package struct Directory: Sendable {
    package let file: OpenFile
    /// For messages.
    package let path: String
    private(set) var heir: Heir?

    private var descriptor: CInt { file.descriptor }

    /// Opens an existing directory by its path, the one place where a path is used.
    package init(path: String) throws(SystemError) {
        let descriptor = try SystemError.check("open") { Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        self.init(file: OpenFile(owning: descriptor), path: path)
    }

    private init(file: OpenFile, path: String, heir: Heir? = nil) {
        self.file = file
        self.path = path
        self.heir = heir
    }

    /// The same, in which everything that root makes becomes its owner's, and what root has made as far as that is known.
    ///
    /// A service's user would be kept out by what an administrator's command leaves there.
    func givingToOwner() throws(SystemError) -> Directory {
        Directory(file: file, path: path, heir: Heir(of: try file.status()))
    }

    /// Opens a subdirectory, creating it with mode 0700 when it is missing: durably, as without its own name it loses all that
    /// is durable in it.
    ///
    /// `isOwn` tells of a name in it whether its users give such names.
    package func subdirectory(
        _ name: String,
        isOwn: (String) -> Bool = { _ in false }
    ) throws(SystemError) -> Directory {
        do throws(SystemError) {
            try SystemError.check("mkdir") { mkdirat(descriptor, name, 0o700) }
            try sync()
        } catch {
            guard error.code == EEXIST else { throw error }
        }
        let directory = try existing(name)
        heir?.receive(directory.file) { (try? directory.names().allSatisfy(isOwn)) ?? false }
        return directory
    }

    /// Opens a subdirectory that is there.
    package func existing(_ name: String) throws(SystemError) -> Directory {
        Directory(file: try openFile(name, flags: O_RDONLY | O_DIRECTORY), path: "\(path)/\(name)", heir: heir)
    }

    /// Opens a file in the directory; `mode` is for one that is created.
    ///
    /// What is no file after all is never waited for: opening a pipe that somebody has put there would last for ever.
    package func openFile(_ name: String, flags: CInt, mode: UInt32 = 0o600) throws(SystemError) -> OpenFile {
        let descriptor = try SystemError.check("open") {
            clinux_openat(self.descriptor, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, mode)
        }
        let file = OpenFile(owning: descriptor)
        if flags & O_CREAT != 0 { heir?.receive(file) }
        return file
    }

    /// - Returns: `nil` when there is nothing of that name.
    package func status(_ name: String) throws(SystemError) -> FileStatus? {
        var status = stat()
        do throws(SystemError) {
            try SystemError.check("fstatat") { fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) }
        } catch {
            guard error.code == ENOENT else { throw error }
            return nil
        }
        return FileStatus(status)
    }

    /// Whether a file can be made in it now: not where the file system has become read-only, nor in one that was removed.
    func checkWritable() throws(SystemError) {
        let code = clinux_check_writable(descriptor)
        guard code == 0 else { throw SystemError(call: "open", code: code) }
    }

    /// Moves a file, replacing what has the new name.
    package func rename(_ name: String, to target: Directory, _ newName: String) throws(SystemError) {
        try SystemError.check("rename") { renameat(descriptor, name, target.descriptor, newName) }
    }

    /// Removes a file; one that is gone already is not an error.
    package func remove(_ name: String) throws(SystemError) {
        do throws(SystemError) {
            try SystemError.check("unlink") { unlinkat(descriptor, name, 0) }
        } catch {
            guard error.code == ENOENT else { throw error }
        }
    }

    /// Has an entry count as read and written at a time, in seconds since 1970; one that is not there is not an error.
    package func setModified(_ name: String, to time: Int64) throws(SystemError) {
        let times = Array(repeating: timespec(tv_sec: time_t(time), tv_nsec: 0), count: 2)
        do throws(SystemError) {
            try SystemError.check("utimensat") { utimensat(descriptor, name, times, AT_SYMLINK_NOFOLLOW) }
        } catch {
            guard error.code == ENOENT else { throw error }
        }
    }

    /// The names in it, without order.
    package func names() throws(SystemError) -> [String] {
        var names: [String] = []
        try forEachName { names.append($0) }
        return names
    }

    package func isEmpty() throws(SystemError) -> Bool {
        var isEmpty = true
        try forEachName(while: { isEmpty }, { _ in isEmpty = false })
        return isEmpty
    }

    /// Goes through the names without keeping them.
    ///
    /// - Throws: also when they could not be read to the end: then those that came may be any part of them.
    package func forEachName(while goesOn: () -> Bool = { true }, _ body: (String) -> Void) throws(SystemError) {
        let copy = try openFile(".", flags: O_RDONLY | O_DIRECTORY)
        let duplicate = try SystemError.check("dup") { clinux_duplicate(copy.descriptor) }
        guard let stream = fdopendir(duplicate) else {
            let code = errno
            _ = close(duplicate)
            throw SystemError(call: "opendir", code: code)
        }
        defer { closedir(stream) }
        while goesOn() {
            errno = 0
            guard let entry = readdir(stream) else {
                // The end looks like an error but for this.
                let code = errno
                if code == EINTR { continue }
                guard code == 0 else { throw SystemError(call: "readdir", code: code) }
                return
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { body(name) }
        }
    }

    package func sync() throws(SystemError) {
        try file.sync()
    }
}
