import Glibc
package import NIOCore

// Files that are read and written whole.

extension Directory {
    /// Replaces a file durably: a reader sees the old or the new content, whole.
    package func replace(_ name: String, with bytes: ByteBuffer) throws(SystemError) {
        let temporary = ".\(name).\(String(UInt64.random(in: .min ... .max), radix: 16))"
        do throws(SystemError) {
            let file = try openFile(temporary, flags: O_RDWR | O_CREAT | O_EXCL)
            try file.write(bytes, at: 0)
            try file.setMode(0o644)
            try file.sync()
            try rename(temporary, to: self, name)
            try sync()
        } catch {
            try? remove(temporary)
            throw error
        }
    }

    /// Reads a small file whole.
    ///
    /// - Returns: `nil` when there is none, or more than `limit` bytes of it.
    /// - Throws: ``SystemError``; `ELOOP` for what is no file: a pipe has no end, and a link leads elsewhere.
    package func contents(_ name: String, limit: Int64) throws(SystemError) -> ByteBuffer? {
        do throws(SystemError) {
            let file = try openFile(name, flags: O_RDONLY)
            let status = try file.status()
            guard status.isRegular else { throw SystemError(call: "open", code: ELOOP) }
            return status.size <= limit ? try file.read(at: 0, atMost: Int(status.size) + 1) : nil
        } catch {
            guard error.code == ENOENT else { throw error }
            return nil
        }
    }
}
