import NIOCore
import OCI

/// Texts that are asked for again, one behind the other: held while they are few, in a file of nobody else's where they
/// are many and there is one.
struct FiledTexts {
    /// What is held of more texts than that, in bytes.
    private static let pieceSize = 512 << 10

    /// Makes the file when the first piece is full; `nil` where there is no room, and then all is held.
    private let makeFile: () -> (any ScratchFile)?
    private var file: (any ScratchFile)?
    private var isAllHeld = false
    /// What has not been written, behind what has.
    private var held = ByteBuffer()
    private var written = 0
    /// Where each text ends.
    private var ends = ChunkedArray<UInt32>()

    init(in makeFile: @escaping () -> (any ScratchFile)?) {
        self.makeFile = makeFile
    }

    var count: Int { ends.count }

    mutating func append(_ text: [UInt8]) {
        held.writeBytes(text)
        ends.append(UInt32(written + held.readableBytes))
        if held.readableBytes >= Self.pieceSize, !isAllHeld { write() }
    }

    /// A disk that takes no more is no reason to give up: what is left is held then.
    private mutating func write() {
        file = file ?? makeFile()
        guard let file, (try? file.write(held, at: Int64(written))) != nil else {
            isAllHeld = true
            return
        }
        written += held.readableBytes
        held.clear()
    }

    /// - Throws: what the file throws when it cannot be read again.
    func text(at position: Int) throws -> [UInt8] {
        let start = position == 0 ? 0 : Int(ends[position - 1])
        let length = Int(ends[position]) - start
        // A piece ends where a text does.
        guard start < written, let file else {
            return held.getBytes(at: held.readerIndex + start - written, length: length) ?? []
        }
        return Array(try file.bytes(at: Int64(start), atMost: length).readableBytesView)
    }
}
