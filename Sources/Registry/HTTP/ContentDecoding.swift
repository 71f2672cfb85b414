import CLinux
import NIOCore

/// Documents that somebody on the way has compressed, although nobody asked for that.
enum ContentDecoding {
    private static let step = 64 << 10
    private static let windowLog: CInt = 15

    /// What gzip has made of some bytes, undone (RFC 9110, 8.4.1.3).
    ///
    /// - Returns: at most `limit` bytes, and whether there are more; `nil` where it is not gzip, or not whole.
    static func gunzipped(_ bytes: ByteBuffer, limit: Int) -> (bytes: ByteBuffer, isCut: Bool)? {
        guard bytes.readableBytesView.starts(with: [0x1F, 0x8B]),
            let stream = clinux_decompression_begin(CInt(CLINUX_GZIP), windowLog)
        else { return nil }
        defer { clinux_decompression_end(stream) }
        var (input, output) = (bytes, ByteBuffer())
        while true {
            var (used, count, status) = (0, 0, CInt(0))
            input.withUnsafeReadableBytes { source in
                _ = output.writeWithUnsafeMutableBytes(minimumWritableBytes: step) { target in
                    status = clinux_decompression_step(
                        stream,
                        source.baseAddress,
                        source.count,
                        &used,
                        target.baseAddress,
                        step,
                        &count
                    )
                    return count
                }
            }
            input.moveReaderIndex(forwardBy: used)
            guard output.readableBytes <= limit else {
                return (output.getSlice(at: output.readerIndex, length: limit) ?? output, true)
            }
            if status == 1, input.readableBytes == 0 { return (output, false) }
            guard status == 0, used + count > 0 else { return nil }
        }
    }
}
