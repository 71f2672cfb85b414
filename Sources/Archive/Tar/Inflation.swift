import CLinux
import NIOCore

/// Decompresses gzip as it comes, within bounds: a small file must not become an endless one.
///
/// Several members after one another are one stream, as for gzip(1). Each member's checksum and length are verified.
final class Inflation {
    /// What a compressed archive may become.
    struct Limits {
        /// Bytes in all.
        var total: Int64 = 1 << 44
        /// Times its compressed size, once it is beyond `freely`.
        var ratio: Int64 = 200
        /// Bytes that may come whatever the ratio.
        var freely: Int64 = 64 << 20
    }

    private static let step = 1 << 20

    private let stream: OpaquePointer
    private let limits: Limits
    private var consumed: Int64 = 0
    private var produced: Int64 = 0
    private var isBetweenMembers = false
    private var input = ByteBuffer()

    init(limits: Limits = Limits()) throws(ArchiveRefusal) {
        guard let stream = clinux_inflation_begin() else { throw ArchiveRefusal("there is no memory to decompress it") }
        self.stream = stream
        self.limits = limits
    }

    deinit {
        clinux_inflation_end(stream)
    }

    /// Takes the next compressed bytes; call ``next()`` until it gives `nil` before giving more.
    func append(_ bytes: ByteBuffer) {
        input = bytes
    }

    /// The next decompressed bytes, at most 1 MiB.
    ///
    /// - Returns: `nil` when more compressed bytes are needed.
    func next() throws(ArchiveRefusal) -> ByteBuffer? {
        while input.readableBytes > 0 {
            if isBetweenMembers {
                guard try beginMember() else { return nil }
            }
            let output = try inflate()
            if output.readableBytes > 0 { return output }
        }
        return nil
    }

    /// Says that no more bytes come.
    func finish() throws(ArchiveRefusal) {
        guard isBetweenMembers else {
            throw ArchiveRefusal("its compressed data ends too early; it was not written or copied to its end")
        }
    }

    /// Zeros may pad a compressed file as they may a tar archive.
    ///
    /// - Returns: whether a further member begins.
    private func beginMember() throws(ArchiveRefusal) -> Bool {
        if input.readableBytesView.allSatisfy({ $0 == 0 }) {
            input.clear()
            return false
        }
        guard clinux_inflation_reset(stream) == 0 else { throw ArchiveRefusal("its compressed data is damaged") }
        isBetweenMembers = false
        return true
    }

    private func inflate() throws(ArchiveRefusal) -> ByteBuffer {
        var output = ByteBufferAllocator().buffer(capacity: Self.step)
        var used = 0
        var status: CInt = 0
        input.withUnsafeReadableBytes { source in
            _ = output.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.step) { target in
                var count = 0
                status = clinux_inflation_step(
                    stream,
                    source.baseAddress,
                    source.count,
                    &used,
                    target.baseAddress,
                    Self.step,
                    &count
                )
                return count
            }
        }
        input.moveReaderIndex(forwardBy: used)
        guard status >= 0, used > 0 || output.readableBytes > 0 else {
            throw ArchiveRefusal("its compressed data is damaged")
        }
        isBetweenMembers = status == 1
        consumed += Int64(used)
        produced += Int64(output.readableBytes)
        try checkBounds()
        return output
    }

    private func checkBounds() throws(ArchiveRefusal) {
        guard produced <= limits.total else {
            throw ArchiveRefusal("it decompresses to more than \(limits.total) bytes")
        }
        guard produced <= limits.freely || produced / limits.ratio <= consumed else {
            throw ArchiveRefusal(
                "it decompresses to more than \(limits.ratio) times its size, as a bomb does; decompress it with "
                    + "gzip -d if you know where it comes from"
            )
        }
    }
}
