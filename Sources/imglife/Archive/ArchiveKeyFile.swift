import Archive
import ArgumentParser
import Cache
import Glibc
import OCI

/// The files that hold the keys archives are signed and checked with.
enum ArchiveKeyFile {
    /// Reads a public key in PEM.
    ///
    /// - Throws: `ValidationError` that names the file.
    static func verificationKey(_ path: String) throws -> ArchiveVerificationKey {
        let text = try text(of: path, advice: "; name the public one that 'imglife keygen' wrote, KEY.pub")
        do throws(DocumentError) {
            return try ArchiveVerificationKey(pem: text)
        } catch {
            throw ValidationError("\(path.displaySafe): \(error)")
        }
    }

    /// What a key's file holds, as far as a key can be long; errors end with the advice.
    ///
    /// - Throws: `ValidationError` that names the file and shows nothing of it.
    static func text(of path: String, advice: String = "") throws -> String {
        func unreadable() -> ValidationError {
            ValidationError("cannot read the key \(path.displaySafe): \(String(cString: strerror(errno)))\(advice)")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable() }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4 << 10)
        while bytes.count < 64 << 10 {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable() }
            guard count > 0 else { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
