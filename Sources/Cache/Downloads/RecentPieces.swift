import NIOCore

/// The pieces of a download that were written last, for readers that follow it closely: nothing of them is read back
/// from the file.
struct RecentPieces {
    /// In bytes of storage; who follows asks for a quarter of it at a time.
    static let limit = 1 << 20
    /// Smaller pieces are faster read from the file, several at once.
    static let smallest = 64 << 10

    private var pieces = CircularBuffer<(end: Int64, bytes: ByteBuffer)>()
    private var held = 0

    /// Takes in what was written up to an offset, in place of what was written first.
    mutating func append(_ bytes: ByteBuffer, upTo end: Int64) {
        pieces.append((end, bytes))
        // A slice keeps all of its storage alive.
        held += bytes.storageCapacity
        while held > Self.limit { held -= pieces.removeFirst().bytes.storageCapacity }
    }

    /// The bytes at an offset.
    ///
    /// - Returns: `nil` where they are not here, or not enough of them at once.
    func bytes(at offset: Int64, atMost count: Int) -> ByteBuffer? {
        guard let piece = pieces.first(where: { $0.end > offset }) else { return nil }
        let start = piece.end - Int64(piece.bytes.readableBytes)
        let length = min(count, Int(piece.end - offset))
        guard start <= offset, length >= min(count, Self.smallest) else { return nil }
        return piece.bytes.getSlice(at: piece.bytes.readerIndex + Int(offset - start), length: length)
    }

    mutating func removeAll() {
        pieces.removeAll()
        held = 0
    }
}
