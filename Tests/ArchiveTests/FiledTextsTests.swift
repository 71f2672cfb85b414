import NIOCore
import OCI
import Synchronization
import Testing

@testable import Archive

/// Texts that are asked for again, in a file where they are many.
@Suite(.timeLimit(.minutes(5)))
struct FiledTextsTests {
    /// A file in memory that can be made to fail.
    private final class File: ScratchFile {
        struct Full: Error {}

        private let bytes = Mutex([UInt8]())
        /// So many bytes it takes.
        let room: Int
        let isReadable: Bool

        init(room: Int = .max, isReadable: Bool = true) {
            self.room = room
            self.isReadable = isReadable
        }

        var count: Int { bytes.withLock { $0.count } }

        func write(_ buffer: ByteBuffer, at offset: Int64) throws {
            try bytes.withLock { bytes in
                guard offset == bytes.count, bytes.count + buffer.readableBytes <= room else { throw Full() }
                bytes += buffer.readableBytesView
            }
        }

        func bytes(at offset: Int64, atMost count: Int) throws -> ByteBuffer {
            guard isReadable else { throw Full() }
            return bytes.withLock { ByteBuffer(bytes: $0[Int(offset)...].prefix(count)) }
        }
    }

    /// Of all lengths, also of none and longer than a piece; 3 MB.
    private static let texts = (0..<3000).map { number in
        [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number == 100 ? 700_000 : number * 7 % 1500)
    }

    private static func filled(_ file: File?) -> FiledTexts {
        var filed = FiledTexts { file }
        for text in texts { filed.append(text) }
        return filed
    }

    @Test(
        "Each comes back, whether there is a file, none, or one that takes a part",
        arguments: [nil, 0, 900_000, .max]
    )
    func back(room: Int?) throws {
        let file = room.map { File(room: $0) }
        let filed = Self.filled(file)
        #expect(filed.count == Self.texts.count)
        for (position, text) in Self.texts.enumerated() { #expect(try filed.text(at: position) == text) }
        if let file, file.room > 0 { #expect(file.count > 600_000) }
    }

    @Test("A few need no file")
    func few() throws {
        var filed = FiledTexts {
            Issue.record("a file was made")
            return nil
        }
        for text in Self.texts[..<50] { filed.append(text) }
        #expect(try (0..<50).map(filed.text) == Array(Self.texts[..<50]))
    }

    @Test("A file that cannot be read again is told, what is still held is not lost")
    func unreadable() throws {
        let filed = Self.filled(File(isReadable: false))
        #expect(throws: File.Full.self) { try filed.text(at: 0) }
        let last = Self.texts.count - 1
        #expect(try filed.text(at: last) == Self.texts[last])
    }
}
