import Glibc
import OCI

/// Writes a report where other programs look for it: whole, or not at all.
package enum ReportFile {
    /// Replaces the file with the text; readable by its owner alone.
    ///
    /// Written beside the path, synced and renamed, so that a reader sees the old file or the new one. Blocks.
    ///
    /// - Throws: ``ReportFileError``; what was at the path is then as it was. Safe to repeat.
    @concurrent
    package static func write(_ text: String, to path: String) async throws(ReportFileError) {
        let temporary = "\(path).\(getpid())-\(String(UInt32.random(in: .min ... .max), radix: 16)).tmp"
        do throws(ReportFileError) {
            try create(temporary, text)
            guard rename(temporary, path) == 0 else { throw ReportFileError(path: path, code: errno) }
        } catch {
            unlink(temporary)
            throw ReportFileError(path: path, code: error.code)
        }
        syncDirectory(of: path)
    }

    private static func create(_ path: String, _ text: String) throws(ReportFileError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw ReportFileError(path: path, code: errno) }
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw ReportFileError(path: path, code: errno) }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0 else { throw ReportFileError(path: path, code: errno) }
    }

    /// Makes the rename last; the file is there for readers whether or not this succeeds.
    private static func syncDirectory(of path: String) {
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}

/// A report could not be written.
package struct ReportFileError: Error, Hashable, Sendable, CustomStringConvertible {
    package let path: String
    /// The system's `errno`.
    package let code: CInt

    package var description: String {
        "cannot write the report \(path.displaySafe): \(String(cString: strerror(code)))"
    }
}
