import Glibc
package import NIOCore

// Files that are read and written whole.

extension Directory {
    /// Replaces a file durably: a reader sees the old or the new content, whole.
    ///
    /// For one at a time: what a process has left that was killed over it is removed, and it would be no other's.
    package func replace(_ name: String, with bytes: ByteBuffer) throws(SystemError) {
        try replace(name) { (put) throws(SystemError) in try put(bytes) }
    }

    /// As ``replace(_:with:)``, with bytes that come one piece after the other.
    func replace(
        _ name: String,
        _ write: ((ByteBuffer) throws(SystemError) -> Void) throws(SystemError) -> Void
    ) throws(SystemError) {
        removeLeftovers(of: name)
        let temporary = ".\(name).\(String(UInt64.random(in: .min ... .max), radix: 16))"
        do throws(SystemError) {
            let file = try openFile(temporary, flags: O_RDWR | O_CREAT | O_EXCL)
            var offset: Int64 = 0
            try write { (piece) throws(SystemError) in
                try file.write(piece, at: offset)
                offset += Int64(piece.readableBytes)
            }
            try file.setMode(0o644)
            try file.sync()
            try rename(temporary, to: self, name)
            try sync()
        } catch {
            try? remove(temporary)
            throw error
        }
    }

    /// One that cannot be removed does not keep the file from being replaced.
    private func removeLeftovers(of name: String) {
        let prefix = ".\(name)."
        var leftovers: [String] = []
        try? forEachName { other in
            guard other.hasPrefix(prefix), UInt64(other.dropFirst(prefix.count), radix: 16) != nil else { return }
            leftovers.append(other)
        }
        for leftover in leftovers { try? remove(leftover) }
    }

    /// Reads a small file whole.
    ///
    /// - Returns: `nil` when there is none, or more than `limit` bytes of it.
    /// - Throws: ``SystemError``; `ELOOP` for what is no file: a pipe has no end, and a link leads elsewhere.
    package func contents(_ name: String, limit: Int64) throws(SystemError) -> ByteBuffer? {
        guard let file = try existingFile(name) else { return nil }
        let size = try file.length()
        return size <= limit ? try file.read(at: 0, atMost: Int(size) + 1) : nil
    }

    /// Opens a regular file for reading.
    ///
    /// - Returns: `nil` when there is none.
    /// - Throws: ``SystemError``; `ELOOP` for what is no file: a pipe has no end, and a link leads elsewhere; `EACCES` for
    ///   what root can read and whoever gets what root makes cannot.
    package func existingFile(_ name: String) throws(SystemError) -> OpenFile? {
        do throws(SystemError) {
            let file = try openFile(name, flags: O_RDONLY)
            let status = try file.status()
            guard status.isRegular else { throw SystemError(call: "open", code: ELOOP) }
            guard heir?.mayRead(status) ?? true else { throw SystemError(call: "open", code: EACCES) }
            return file
        } catch {
            guard error.code == ENOENT else { throw error }
            return nil
        }
    }
}
