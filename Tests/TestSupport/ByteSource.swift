package import NIOCore
package import OCI

/// Bytes that can be read at any offset, held in memory or made when they are asked for.
package struct ByteSource: Sendable {
    package let count: Int
    private let produce: @Sendable (_ offset: Int, _ count: Int) -> ByteBuffer

    /// Makes bytes as they are asked for.
    ///
    /// - Parameters:
    ///   - count: how many there are.
    ///   - produce: makes `count` bytes at `offset`; the same bytes each time.
    package init(count: Int, produce: @escaping @Sendable (_ offset: Int, _ count: Int) -> ByteBuffer) {
        self.count = count
        self.produce = produce
    }

    package init(_ buffer: ByteBuffer) {
        self.init(count: buffer.readableBytes) { offset, count in
            buffer.getSlice(at: buffer.readerIndex + offset, length: count) ?? ByteBuffer()
        }
    }

    /// The pseudo-random bytes of a seed.
    package static func random(seed: UInt64, count: Int) -> ByteSource {
        let bytes = RandomBytes(seed: seed)
        return ByteSource(count: count) { bytes.read(at: $0, count: $1) }
    }

    /// At most `count` bytes at an offset: none at the end.
    package func read(at offset: Int, count wanted: Int) -> ByteBuffer {
        let available = max(0, min(wanted, count - offset))
        return available == 0 ? ByteBuffer() : produce(offset, available)
    }

    /// All bytes.
    package var buffer: ByteBuffer { read(at: 0, count: count) }

    func slice(_ range: Range<Int>) -> ByteSource {
        ByteSource(count: range.count) { read(at: range.lowerBound + $0, count: $1) }
    }
}

/// An endless, seeded run of pseudo-random bytes, readable anywhere at the speed of a copy.
///
/// One block comes from an xorshift generator; its repetitions differ in their first eight bytes.
package struct RandomBytes: Sendable {
    private static let blockSize = 64 * 1024
    private let block: [UInt8]

    package init(seed: UInt64) {
        var state = (seed &+ 1) &* 0x9E37_79B9_7F4A_7C15 | 1
        var words: [UInt64] = []
        words.reserveCapacity(Self.blockSize / 8)
        for _ in 0..<(Self.blockSize / 8) {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            words.append(state)
        }
        block = words.withUnsafeBytes { Array($0) }
    }

    /// Makes `count` bytes at `offset`.
    package func read(at offset: Int, count: Int) -> ByteBuffer {
        var result = ByteBuffer()
        result.reserveCapacity(count)
        var position = offset
        while position < offset + count {
            let start = position % Self.blockSize
            let number = position / Self.blockSize
            if start < 8 {
                result.writeInteger(block[start] ^ UInt8(truncatingIfNeeded: number >> (start * 8)))
                position += 1
            } else {
                let length = min(Self.blockSize - start, offset + count - position)
                result.writeBytes(block[start..<(start + length)])
                position += length
            }
        }
        return result
    }
}

extension ByteSource {
    /// The same bytes and so many more.
    func extended(by extra: Int) -> ByteSource {
        guard extra > 0 else { return self }
        return ByteSource(count: count + extra) { offset, wanted in
            var result = read(at: offset, count: max(0, min(wanted, count - offset)))
            result.writeRepeatingByte(UInt8(ascii: "x"), count: wanted - result.readableBytes)
            return result
        }
    }
}

extension ByteSource {
    /// The digest of all bytes, read in pieces.
    package func digest(_ algorithm: Digest.Algorithm = .sha256) -> Digest {
        var hasher = DigestHasher(algorithm)
        var offset = 0
        while offset < count {
            let chunk = read(at: offset, count: 1 << 20)
            hasher.update(chunk)
            offset += chunk.readableBytes
        }
        return hasher.finalize()
    }
}
