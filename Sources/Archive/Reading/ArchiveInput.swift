import Cache
import Glibc
import NIOCore

/// The bytes of an archive in order, decompressed: from a file or from what standard input brings.
///
/// Reads 1 MiB at a time. Compression is told by the first bytes, never by the name.
final class ArchiveInput {
    private static let step = 1 << 20
    /// How long a pipe is waited for before cancellation is looked at again.
    private static let patience: CInt = 200

    private let file: OpenFile
    private var decompression: Decompression?
    private var begun = false
    private var isAtEnd = false
    /// What is left of an uncompressed regular file; `nil` where that cannot be known.
    private(set) var remaining: Int64?

    /// Reads an open file from where it stands.
    init(_ file: OpenFile) throws(SystemError) {
        self.file = file
        file.widenPipe()
        let status = try file.status()
        remaining = status.isRegular ? status.size : nil
    }

    /// The next bytes.
    ///
    /// - Returns: `nil` at the end.
    /// - Throws: ``ArchiveRefusal``, ``SystemError``, `CancellationError`.
    func next() async throws -> ByteBuffer? {
        while true {
            if let bytes = try decompression?.next() { return bytes }
            guard !isAtEnd else { return nil }
            let bytes = try await read()
            if bytes.readableBytes == 0 {
                isAtEnd = true
                guard begun else { throw ArchiveRefusal("it is empty") }
                try decompression?.finish()
                return nil
            }
            if !begun { try begin(bytes) }
            guard let decompression else {
                remaining = remaining.map { $0 - Int64(bytes.readableBytes) }
                return bytes
            }
            decompression.append(bytes)
        }
    }

    private func begin(_ bytes: ByteBuffer) throws(ArchiveRefusal) {
        begun = true
        guard let compression = Compression(bytes) else { return }
        decompression = try Decompression(compression)
        remaining = nil
    }

    /// A pipe may give a few bytes at first, but never so few that the compression could not be told.
    private func read() async throws -> ByteBuffer {
        var result = ByteBuffer()
        while true {
            try Task.checkCancellation()
            guard try await isReadable() else { continue }
            var piece = try file.readNext(atMost: Self.step - result.readableBytes)
            let isEnd = piece.readableBytes == 0
            if result.readableBytes == 0 { result = piece } else { result.writeBuffer(&piece) }
            if isEnd || begun || result.readableBytes >= 512 { return result }
        }
    }

    /// Waits away from the cooperative threads where nothing is there yet.
    private func isReadable() async throws -> Bool {
        if file.isReadable(within: 0) { return true }
        return try await blocking(on: .streams) { [file] in file.isReadable(within: Self.patience) }
    }
}

/// How an archive is compressed, by its first bytes.
enum Compression: String, CaseIterable {
    case gzip
    case zstd
    case bzip2
    case xz
    case lz4

    /// - Returns: `nil` when it is not, as far as is known.
    init?(_ bytes: ByteBuffer) {
        let view = bytes.readableBytesView
        if let found = Self.magics.first(where: { view.starts(with: $0.bytes) }) {
            self = found.kind
        } else if let first = view.first, 0x50...0x5F ~= first, view.dropFirst().starts(with: Self.skippable) {
            self = .zstd
        } else {
            return nil
        }
    }

    /// What follows the first byte of a frame that is passed over (RFC 8878, 3.1.2); pzstd begins with one.
    private static let skippable: [UInt8] = [0x2A, 0x4D, 0x18]

    private static let magics: [(kind: Compression, bytes: [UInt8])] = [
        (.gzip, [0x1F, 0x8B]), (.zstd, [0x28, 0xB5, 0x2F, 0xFD]), (.bzip2, Array("BZh".utf8)),
        (.xz, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]), (.lz4, [0x04, 0x22, 0x4D, 0x18]),
    ]
}

extension OpenFile {
    /// Reads from where the file stands; the same for files and pipes.
    ///
    /// - Returns: none at the end.
    func readNext(atMost count: Int) throws(SystemError) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        var failure: SystemError?
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            do throws(SystemError) {
                return try SystemError.check("read") { Glibc.read(descriptor, memory.baseAddress, count) }
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return buffer
    }

    /// Lets a pipe hold as much as is read or written at a time.
    ///
    /// At its ordinary 64 KiB both ends wait for each other at every turn. Where it is no pipe, or the system does not let
    /// it, nothing changes.
    func widenPipe() {
        let setPipeSize: CInt = 1031  // F_SETPIPE_SZ, Linux alone
        _ = fcntl(descriptor, setPipeSize, 1 << 20)
    }

    /// Whether a read would not wait; errors and ends count as such, because the read tells them.
    func isReadable(within milliseconds: CInt) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&request, 1, milliseconds) != 0
    }
}
