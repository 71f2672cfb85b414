import Glibc

/// What lies at a path that is to be written: a file that may be replaced as a whole, or something that may only be written
/// into.
///
/// A device, a FIFO and an open stream such as `/dev/stdout` are never replaced, whoever the process runs as. A link to a
/// regular file, or to where one is going to be, means that file.
package enum OutputPlace: Hashable, Sendable {
    /// A regular file, or none yet, at a path without links.
    case file(path: String, exists: Bool)
    case directory(path: String)
    /// What is written into, front to back.
    case stream(path: String)
    /// One of this process's own open files, by its number: `/dev/stdout`, `/dev/fd/3`.
    case ownFile(CInt)

    /// Looks; opens and changes nothing.
    ///
    /// - Throws: ``OutputPlaceError`` when that cannot be found out, or for what is never written: a disk, a socket.
    package init(_ path: String) throws(OutputPlaceError) {
        var current = path
        for _ in 0..<Self.maximumLinks {
            let (parent, name) = try Self.split(current)
            if let number = Self.ownFile(parent, name) {
                self = .ownFile(number)
                return
            }
            let place = parent == "/" ? "/\(name)" : "\(parent)/\(name)"
            var status = stat()
            guard lstat(place, &status) == 0 else {
                guard errno == ENOENT else { throw OutputPlaceError(path: path, code: errno) }
                self = .file(path: place, exists: false)
                return
            }
            if status.st_mode & S_IFMT == S_IFLNK, !parent.hasPrefix("/proc/") {
                let target = try Self.target(of: place)
                current = target.hasPrefix("/") ? target : "\(parent)/\(target)"
                continue
            }
            // What lies behind a link of /proc is an open file, whatever its name was.
            guard stat(place, &status) == 0 else { throw OutputPlaceError(path: path, code: errno) }
            self = try Self.kind(of: place, status.st_mode, isOpenFile: parent.hasPrefix("/proc/"))
            return
        }
        throw OutputPlaceError(path: path, code: ELOOP)
    }

    /// As many as Linux follows.
    private static let maximumLinks = 40

    private static func kind(of place: String, _ mode: mode_t, isOpenFile: Bool) throws(OutputPlaceError) -> OutputPlace
    {
        switch mode & S_IFMT {
        case S_IFREG: isOpenFile ? .stream(path: place) : .file(path: place, exists: true)
        case S_IFDIR: .directory(path: place)
        case S_IFCHR, S_IFIFO: .stream(path: place)
        case S_IFBLK: throw OutputPlaceError(path: place, code: ENOTBLK)
        default: throw OutputPlaceError(path: place, code: ENXIO)
        }
    }

    /// The directory without links, and the name in it; a path that ends in `/` names a directory.
    private static func split(_ path: String) throws(OutputPlaceError) -> (parent: String, name: String) {
        guard !path.isEmpty else { throw OutputPlaceError(path: path, code: ENOENT) }
        let slash = path.lastIndex(of: "/")
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        guard !["", ".", ".."].contains(name) else { throw OutputPlaceError(path: path, code: EISDIR) }
        let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        guard let resolved = realpath(parent, nil) else { throw OutputPlaceError(path: path, code: errno) }
        defer { free(resolved) }
        return (String(cString: resolved), name)
    }

    private static func ownFile(_ parent: String, _ name: String) -> CInt? {
        guard parent == "/proc/\(getpid())/fd", let number = CInt(name), fcntl(number, F_GETFD) >= 0 else { return nil }
        return number
    }

    private static func target(of link: String) throws(OutputPlaceError) -> String {
        var text = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = readlink(link, &text, text.count - 1)
        guard count > 0 else { throw OutputPlaceError(path: link, code: errno) }
        return String(decoding: text.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension OutputPlace {
    /// Opens what is written into; waits for the reader of a FIFO, so it does not belong on a cooperative thread.
    ///
    /// - Returns: a descriptor that the caller owns; `nil` for a file, which is written beside its place and renamed.
    /// - Throws: ``OutputPlaceError``.
    package func open() throws(OutputPlaceError) -> CInt? {
        switch self {
        case .file, .directory: return nil
        case .ownFile(let number):
            let descriptor = fcntl(number, F_DUPFD_CLOEXEC, 0)
            guard descriptor >= 0 else { throw OutputPlaceError(path: "/dev/fd/\(number)", code: errno) }
            return descriptor
        case .stream(let path):
            while true {
                let descriptor = Glibc.open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY)
                if descriptor >= 0 { return descriptor }
                guard errno == EINTR else { throw OutputPlaceError(path: path, code: errno) }
            }
        }
    }

    /// What ``openUnwaiting()`` comes to.
    package enum Opened: Sendable {
        /// It is a file, which is written beside its place and renamed.
        case file
        /// The caller owns it. Of a pipe a write does not wait either.
        case descriptor(CInt)
        /// Nobody has opened the FIFO for reading.
        case noReader
    }

    /// As ``open()``, in a way that never waits for who reads.
    ///
    /// - Throws: ``OutputPlaceError``.
    package func openUnwaiting() throws(OutputPlaceError) -> Opened {
        switch self {
        case .ownFile(let number) where Self.isPipe("/proc/self/fd/\(number)"):
            // Opened anew, because others who have the same descriptor expect that their writes wait.
            let descriptor = Self.openPipe("/proc/self/fd/\(number)")
            if descriptor >= 0 { return .descriptor(descriptor) }
        case .stream(let path) where Self.isPipe(path):
            let descriptor = Self.openPipe(path)
            if descriptor >= 0 { return .descriptor(descriptor) }
            guard errno == ENXIO else { throw OutputPlaceError(path: path, code: errno) }
            return .noReader
        default: break
        }
        return try open().map(Opened.descriptor) ?? .file
    }

    private static func isPipe(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
    }

    /// - Returns: -1 where that fails; `ENXIO` is that nobody reads.
    private static func openPipe(_ path: String) -> CInt {
        while true {
            let descriptor = Glibc.open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK)
            guard descriptor < 0, errno == EINTR else { return descriptor }
        }
    }

    /// Whether it is where this process writes its results.
    package var isStandardOutput: Bool { self == .ownFile(STDOUT_FILENO) }

    /// Whether somebody would see its bytes on a screen.
    package var isTerminal: Bool {
        switch self {
        case .file, .directory: return false
        case .ownFile(let number): return isatty(number) == 1
        case .stream(let path):
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFCHR else { return false }
            let descriptor = Glibc.open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
            guard descriptor >= 0 else { return false }
            defer { close(descriptor) }
            return isatty(descriptor) == 1
        }
    }
}

/// Why a path cannot be written, as the system says it.
package struct OutputPlaceError: Error, Hashable, Sendable {
    package let path: String
    /// An `errno`; `ENOTBLK` for a disk and `ENXIO` for a socket.
    package let code: CInt
}

extension OutputPlace {
    /// Whether fsync(2) says of a directory that its file system cannot do that, as those of some media cannot.
    ///
    /// - Parameter code: an `errno`.
    /// - Returns: whether nothing more can be done.
    package static func isWithoutDirectorySync(_ code: CInt) -> Bool { code == EINVAL || code == EBADF }
}
