import Cache
import Glibc
import NIOCore
import OCI

extension Receipt {
    /// Reads a receipt from a file, a pipe or, as `-`, from standard input.
    ///
    /// - Throws: ``CacheError`` when it cannot be read; `DocumentError` that names the file when it is no receipt.
    package init(file path: String) throws {
        let bytes: ByteBuffer
        do throws(SystemError) {
            let descriptor = try SystemError.check("open") {
                path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
            }
            let file = OpenFile(owning: descriptor)
            bytes = try Self.contents(of: file)
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

    /// What does not tell its length is read to its end; one byte too many is told by whoever parses it.
    private static func contents(of file: OpenFile) throws(SystemError) -> ByteBuffer {
        var bytes = ByteBuffer()
        while bytes.readableBytes <= maximumSize {
            var piece = try file.readNext(atMost: min(1 << 20, maximumSize + 1 - bytes.readableBytes))
            guard piece.readableBytes > 0 else { break }
            bytes.writeBuffer(&piece)
        }
        return bytes
    }
}
