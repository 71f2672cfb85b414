/// Texts one behind the other, with 8 bytes each beside their own: an archive may have hundreds of thousands of names.
package struct NameTexts: Sendable {
    /// So many bytes lie together, but for a longer text, which has a piece of its own; fits in 16 bits.
    private static let pieceSize = 65_535

    private var pieces: [[UInt8]] = []
    /// Which piece, and where in it.
    private var places = ChunkedArray<UInt32>()
    private var lengths = ChunkedArray<UInt32>()

    package init() {}

    package mutating func append(_ text: String) {
        let bytes = text.utf8
        if pieces.last.map({ $0.count + bytes.count > Self.pieceSize }) ?? true {
            // The first one stays small where there is little.
            var piece: [UInt8] = []
            if !pieces.isEmpty { piece.reserveCapacity(Self.pieceSize) }
            pieces.append(piece)
        }
        let piece = pieces.count - 1
        places.append(UInt32(piece << 16 | pieces[piece].count))
        lengths.append(UInt32(bytes.count))
        pieces[piece].append(contentsOf: bytes)
    }

    private func bytes(at position: Int) -> ArraySlice<UInt8> {
        let start = Int(places[position] & 0xFFFF)
        return pieces[Int(places[position] >> 16)][start..<start + Int(lengths[position])]
    }

    /// Whether one stands before another in the order of their bytes.
    func isBefore(_ first: Int, _ second: Int) -> Bool {
        bytes(at: first).lexicographicallyPrecedes(bytes(at: second))
    }

    func areEqual(_ first: Int, _ second: Int) -> Bool { bytes(at: first) == bytes(at: second) }

    /// Puts each in the place that the order has for it.
    mutating func permute(_ order: [UInt32]) {
        places.permute(order)
        lengths.permute(order)
    }
}

extension NameTexts: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { places.count }

    package subscript(position: Int) -> String { String(decoding: bytes(at: position), as: UTF8.self) }
}
