import NIOCore

/// The bytes of an `index.json`, of which no more is held than a window: it may be very long.
struct LayoutBytes {
    private static let windowSize = 256 << 10

    /// `nil` for bytes that are at hand.
    private let file: OpenFile?
    private var window: ByteBuffer
    private var start = 0
    let count: Int
    /// What could not be read; nothing comes after it.
    private(set) var failure: SystemError?

    init(_ bytes: ByteBuffer) {
        (file, window, count) = (nil, bytes, bytes.readableBytes)
    }

    init(_ file: OpenFile, count: Int) {
        (self.file, window, self.count) = (file, ByteBuffer(), count)
    }

    mutating func byte(at position: Int) -> UInt8? {
        guard position >= 0, position < count else { return nil }
        if position < start || position >= start + window.readableBytes { fill(position..<position + Self.windowSize) }
        return window.getInteger(at: window.readerIndex + position - start)
    }

    /// The bytes of a range; fewer where it ends behind the end.
    mutating func text(_ range: Range<Int>) -> ByteBuffer {
        if range.lowerBound < start || range.upperBound > start + window.readableBytes {
            fill(range.lowerBound..<max(range.upperBound, range.lowerBound + Self.windowSize))
        }
        let length = min(range.upperBound, start + window.readableBytes) - range.lowerBound
        guard length > 0, range.lowerBound >= start else { return ByteBuffer() }
        // A copy: a slice would keep the whole window.
        return window.getBytes(at: window.readerIndex + range.lowerBound - start, length: length)
            .map { ByteBuffer(bytes: $0) } ?? ByteBuffer()
    }

    private mutating func fill(_ range: Range<Int>) {
        guard let file, failure == nil else { return }
        do throws(SystemError) {
            window = try file.read(at: Int64(range.lowerBound), atMost: min(range.upperBound, count) - range.lowerBound)
            start = range.lowerBound
        } catch {
            failure = error
            window.clear()
        }
    }
}
