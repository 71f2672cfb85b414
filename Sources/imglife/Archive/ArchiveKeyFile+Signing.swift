import Archive
import ArgumentParser
import Cache
import Glibc
import OCI
import Output

extension ArchiveKeyFile {
    /// Reads a private key in PEM.
    ///
    /// - Throws: `ValidationError` that names the file and shows nothing of it.
    static func signingKey(_ path: String) throws -> ArchiveSigningKey {
        let text = try text(of: path)
        do throws(DocumentError) {
            return try ArchiveSigningKey(pem: text)
        } catch {
            throw ValidationError("\(path.displaySafe): \(error)")
        }
    }

    /// Writes a new file durably; after a failure there is none.
    ///
    /// - Throws: ``KeyFileError``, also when there is such a file, or a device or a link in its place.
    static func write(_ text: String, to path: String, mode: mode_t) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw KeyFileError(path: path, code: errno) }
        defer { close(descriptor) }
        do {
            guard fchmod(descriptor, mode) == 0 else { throw KeyFileError(path: path, code: errno) }
            do throws(OutputError) {
                try StandardOutput.write(text, to: descriptor)
            } catch {
                throw KeyFileError(path: path, code: error.code)
            }
            guard fsync(descriptor) == 0 else { throw KeyFileError(path: path, code: errno) }
        } catch {
            unlink(path)
            throw error
        }
    }
}

/// A key could not be written.
struct KeyFileError: Error, CustomStringConvertible {
    let path: String
    let code: CInt

    var description: String {
        let advice = code == EEXIST ? "; keys are not replaced, name another file with -o" : ""
        return "cannot write \(path.displaySafe(limit: 1024)): \(OutputReason.text(code))\(advice)"
    }
}
