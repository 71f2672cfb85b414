import CLinux
import NIOCore

/// Decompresses gzip, zstd and xz as it comes, within bounds: a small file must not become an endless one.
///
/// Several members after one another are one stream, as for gzip(1), zstd(1) and xz(1). Checksums are verified. Takes its
/// window and at most 8 MiB more, whatever the file asks for.
final class Decompression {
    /// What a compressed archive may become.
    struct Limits {
        /// Bytes in all.
        var total: Int64 = 1 << 44
        /// Times its compressed size, once it is beyond `freely`.
        var ratio: Int64 = 200
        /// Bytes that may come whatever the ratio.
        var freely: Int64 = 64 << 20
        /// The largest window, as a power of two: 32 MiB, what `zstd --ultra -20` asks for, and `xz -8`.
        var windowLog: CInt = 25
    }

    private static let step = 1 << 20

    private let stream: OpaquePointer
    private let format: Compression
    private let limits: Limits
    private var consumed: Int64 = 0
    private var produced: Int64 = 0
    private var isBetweenMembers = false
    /// How many zeros have come since the last stream of xz.
    private var padding = 0
    /// Whether the last output was full, so that more may come without further input.
    private var hasMore = false
    private var input = ByteBuffer()

    /// - Throws: ``ArchiveRefusal`` for a format that is not read here.
    init(_ format: Compression, limits: Limits = Limits()) throws(ArchiveRefusal) {
        guard let code = format.code else {
            throw ArchiveRefusal(
                "it is compressed with \(format.rawValue), which is not read here; decompress it first, for instance "
                    + "with '\(format.rawValue) -dc FILE | imglife import -'"
            )
        }
        guard let stream = clinux_decompression_begin(code, limits.windowLog) else {
            throw ArchiveRefusal("there is no memory to decompress it")
        }
        self.stream = stream
        self.format = format
        self.limits = limits
    }

    deinit {
        clinux_decompression_end(stream)
    }

    /// Takes the next compressed bytes; call ``next()`` until it gives `nil` before giving more.
    func append(_ bytes: ByteBuffer) {
        input = bytes
    }

    /// The next decompressed bytes, at most 1 MiB.
    ///
    /// - Returns: `nil` when more compressed bytes are needed.
    func next() throws(ArchiveRefusal) -> ByteBuffer? {
        while input.readableBytes > 0 || hasMore {
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
        if format == .xz { skipPadding() }
        if input.readableBytesView.allSatisfy({ $0 == 0 }) {
            input.clear()
            return false
        }
        guard padding % 4 == 0, clinux_decompression_reset(stream) == 0 else {
            throw ArchiveRefusal("its compressed data is damaged")
        }
        padding = 0
        isBetweenMembers = false
        return true
    }

    /// Zeros may stand between streams of xz too, four or a multiple of it (The .xz File Format, 2.2).
    private func skipPadding() {
        let zeros = input.readableBytesView.prefix { $0 == 0 }.count
        input.moveReaderIndex(forwardBy: zeros)
        padding += zeros
    }

    private func inflate() throws(ArchiveRefusal) -> ByteBuffer {
        var output = ByteBufferAllocator().buffer(capacity: Self.step)
        var used = 0
        var status: CInt = 0
        input.withUnsafeReadableBytes { source in
            _ = output.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.step) { target in
                var count = 0
                status = clinux_decompression_step(
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
        guard status != -2 else {
            throw ArchiveRefusal(
                "it takes more memory to decompress than an import gives to it; decompress it first, for instance with "
                    + "'\(format.rawValue) -dc FILE | imglife import -'"
            )
        }
        guard status >= 0, used > 0 || output.readableBytes > 0 || hasMore else {
            throw ArchiveRefusal("its compressed data is damaged")
        }
        isBetweenMembers = status == 1
        hasMore = status == 0 && output.readableBytes == Self.step
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
                    + "\(format.rawValue) -d if you know where it comes from"
            )
        }
    }
}

extension Compression {
    /// `nil` for what is not decompressed here.
    fileprivate var code: CInt? {
        switch self {
        case .gzip: CInt(CLINUX_GZIP)
        case .zstd: CInt(CLINUX_ZSTD)
        case .xz: CInt(CLINUX_XZ)
        case .bzip2, .lz4: nil
        }
    }
}
