import Cache
import Glibc
import NIOCore
import OCI

extension Receipt {
    /// Reads a receipt from a file.
    ///
    /// - Throws: ``CacheError`` when it cannot be read; `DocumentError` that names the file when it is no receipt.
    package init(file path: String) throws {
        let bytes: ByteBuffer
        do throws(SystemError) {
            let file = OpenFile(owning: try SystemError.check("open") { open(path, O_RDONLY | O_CLOEXEC) })
            bytes = try file.read(at: 0, atMost: min(Int(try file.length()), Self.maximumSize) + 1)
        } catch {
            throw CacheError(
                .inputOutput,
                "read the receipt",
                path: path,
                code: error.code,
                "\(error.reason); 'imglife receipt' writes one on the other side",
                cause: error
            )
        }
        do {
            try self.init(decoding: bytes)
        } catch {
            throw DocumentError(error.kind, "\(path.displaySafe(limit: 1024)): \(error.reason)")
        }
    }
}
