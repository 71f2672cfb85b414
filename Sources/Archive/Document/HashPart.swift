/// 32 bytes of a hash in as many bytes of memory, in the order of the bytes.
struct HashPart: Comparable, Sendable {
    static let byteCount = 32

    private let first, second, third, fourth: UInt64

    /// Takes 32 bytes that begin at an offset; zeros where there are none.
    init(_ bytes: [UInt8], at offset: Int) {
        func word(_ index: Int) -> UInt64 {
            let start = offset + 8 * index
            guard start + 8 <= bytes.count else { return 0 }
            return bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
        (first, second, third, fourth) = (word(0), word(1), word(2), word(3))
    }

    func append(to bytes: inout [UInt8]) {
        for word in [first, second, third, fourth] {
            withUnsafeBytes(of: word.bigEndian) { bytes.append(contentsOf: $0) }
        }
    }

    static func < (left: HashPart, right: HashPart) -> Bool {
        if left.first != right.first { return left.first < right.first }
        if left.second != right.second { return left.second < right.second }
        if left.third != right.third { return left.third < right.third }
        return left.fourth < right.fourth
    }
}
