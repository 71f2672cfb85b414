import Archive
import ArgumentParser
import Cache
import FoundationEssentials
import OCI

/// The files that hold the keys archives are signed and checked with.
enum ArchiveKeyFile {
    /// Reads a public key in PEM.
    ///
    /// - Throws: `ValidationError` that names the file.
    static func verificationKey(_ path: String) throws -> ArchiveVerificationKey {
        let text: String
        do {
            text = String(decoding: try Data(contentsOf: URL(filePath: path)).prefix(64 << 10), as: UTF8.self)
        } catch {
            throw ValidationError(
                "cannot read the key \(path.displaySafe); name the public one that 'imglife keygen' wrote, KEY.pub"
            )
        }
        do throws(DocumentError) {
            return try ArchiveVerificationKey(pem: text)
        } catch {
            throw ValidationError("\(path.displaySafe): \(error)")
        }
    }
}
