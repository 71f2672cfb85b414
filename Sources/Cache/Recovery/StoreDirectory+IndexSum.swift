import Glibc
import NIOCore

// Closing any descriptor of the database's file drops the locks that SQLite holds on it in this process (POSIX), so the
// file is read only with the store's lock alone: then nobody has it open, this process neither.

extension StoreDirectory {
    /// Whether there is a sum to compare the index with.
    func hasIndexSum() throws(SystemError) -> Bool {
        try root.status(IndexSum.fileName) != nil
    }

    /// Whether the index is not what the last process left; only with the store's lock alone.
    func isIndexAltered() throws(CacheError) -> Bool {
        do throws(SystemError) {
            // With a journal the file is not what counts, until SQLite has rolled it back.
            if let journal = try root.status("\(CacheIndex.fileName)-journal"), journal.size > 0 { return false }
            guard try root.status(CacheIndex.fileName) != nil,
                let text = try root.contents(IndexSum.fileName, limit: 16 << 20),
                let sum = IndexSum(String(buffer: text))
            else { return false }
            return try !sum.allows(root.openFile(CacheIndex.fileName, flags: O_RDONLY))
        } catch {
            throw CacheError(error, "read the index", path: "\(path)/\(CacheIndex.fileName)")
        }
    }

    /// Notes what the index holds; only with the store's lock alone, after SQLite has closed it.
    func writeIndexSum() throws(SystemError) {
        let sum = try IndexSum(of: root.openFile(CacheIndex.fileName, flags: O_RDONLY))
        try root.replace(IndexSum.fileName, with: ByteBuffer(string: sum.text))
    }
}
