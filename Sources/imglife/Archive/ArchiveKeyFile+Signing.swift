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

    /// Writes a new file durably; after a failure or a kill there is none.
    ///
    /// - Throws: ``KeyFileError``, also when there is such a file, or a device or a link in its place.
    static func write(_ text: String, to path: String, mode: UInt32) throws {
        do throws(SystemError) {
            try Directory.writeNew(text, to: path, mode: mode)
        } catch {
            throw KeyFileError(path: path, code: error.code)
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
