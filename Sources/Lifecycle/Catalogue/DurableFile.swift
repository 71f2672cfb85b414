import Glibc
import OCI
import Output

/// What the system said to an operation on a file.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    package let path: String
    /// As in "cannot … it": `read`, `write`.
    package let action: String
    /// An `errno`.
    package let code: Int32

    package init(path: String, action: String, code: Int32) {
        self.path = path
        self.action = action
        self.code = code
    }

    package var description: String {
        "cannot \(action) \(path.displaySafe): \(OutputReason.text(code))"
    }
}

/// A small file that is read and replaced as a whole.
package struct DurableFile: Sendable {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// Whether it can be replaced, or written into, as far as permissions tell; opens and changes nothing.
    var isWritable: Bool {
        guard case .file(let target, _)? = try? OutputPlace(path) else { return access(path, W_OK) == 0 }
        return access(Self.split(target).directory, W_OK | X_OK) == 0
    }

    /// Reads the file; blocks.
    ///
    /// - Returns: at most so many bytes; `nil` when there is no such file.
    package func read(upTo limit: Int) throws(FileError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("read")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < limit {
            let count = Glibc.read(descriptor, &chunk, min(chunk.count, limit - bytes.count))
            if count == 0 { break }
            if count > 0 {
                bytes += chunk.prefix(count)
            } else if errno != EINTR {
                throw failure("read")
            }
        }
        return bytes
    }

    /// What writes, piece by piece.
    package typealias Put = ([UInt8]) throws(FileError) -> Void

    /// Writes a file beside it, syncs that, renames it, and syncs the directory.
    ///
    /// A symbolic link stays one. A device, a FIFO and the like are written into. Blocks; safe to repeat.
    package func replace(with bytes: [UInt8]) throws(FileError) {
        try replace { put throws(FileError) in try put(bytes) }
    }

    /// As ``replace(with:)``, for what is not held as a whole.
    package func replace(writing body: (Put) throws(FileError) -> Void) throws(FileError) {
        let place: OutputPlace
        let stream: Int32?
        do throws(OutputPlaceError) {
            place = try OutputPlace(path)
            stream = try place.open()
        } catch {
            throw FileError(path: path, action: "write", code: error.code)
        }
        if let stream {
            defer { close(stream) }
            return try body { bytes throws(FileError) in try write(bytes, to: stream) }
        }
        guard case .file(let target, _) = place else { throw FileError(path: path, action: "write", code: EISDIR) }
        try replace(target, body)
    }

    private func replace(_ target: String, _ body: (Put) throws(FileError) -> Void) throws(FileError) {
        let (directory, name) = Self.split(target)
        let temporary = "\(directory)/.\(name).\(getpid()).\(UInt64.random(in: 0...UInt64.max)).tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("write") }
        do throws(FileError) {
            defer { close(descriptor) }
            try body { bytes throws(FileError) in try write(bytes, to: descriptor) }
            guard fsync(descriptor) == 0, rename(temporary, target) == 0 else { throw failure("write") }
        } catch {
            unlink(temporary)
            throw error
        }
        try sync(directory)
    }

    private static func split(_ target: String) -> (directory: String, name: Substring) {
        guard let slash = target.lastIndex(of: "/") else { return (".", target[...]) }
        return (slash == target.startIndex ? "/" : String(target[..<slash]), target[target.index(after: slash)...])
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32) throws(FileError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                throw failure("write")
            }
        }
    }

    private func sync(_ directory: String) throws(FileError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("write") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 || OutputPlace.isWithoutDirectorySync(errno) else { throw failure("write") }
    }

    private func failure(_ action: String) -> FileError {
        FileError(path: path, action: action, code: errno)
    }
}
