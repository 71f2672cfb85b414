import Cache
import Glibc
import NIOCore
import OCI

extension Receipt {
    /// Reads a receipt from a file, a pipe or, as `-`, from standard input.
    ///
    /// - Throws: ``CacheError`` when it cannot be read; `DocumentError` that names the file when it is no receipt.
    package init(file path: String) throws {
        var reader = ReceiptReader()
        var failure: DocumentError?
        do throws(SystemError) {
            let descriptor = try SystemError.check("open") {
                path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
            }
            let file = OpenFile(owning: descriptor)
            while failure == nil {
                let piece = try file.readNext(atMost: 1 << 20)
                guard piece.readableBytes > 0 else { break }
                do throws(DocumentError) {
                    try reader.take(piece)
                } catch {
                    failure = error
                }
            }
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
        do throws(DocumentError) {
            if let failure { throw failure }
            self = try reader.finish()
        } catch {
            throw DocumentError(error.kind, "\(path.displaySafe(limit: 1024)): \(error.reason)")
        }
    }
}
