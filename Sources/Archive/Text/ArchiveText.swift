package import NIOCore
package import OCI

/// Where a long text goes piece by piece, so that it is never held.
package protocol TextTarget {
    mutating func put(bytes: UnsafeRawBufferPointer)
}

extension TextTarget {
    mutating func put(_ text: String) {
        var text = text
        text.withUTF8 { put(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Writes a list as the archive's texts have it: an element a line.
    mutating func put<Element>(list key: String, _ elements: some Sequence<Element>, _ text: (Element) -> String) {
        put("\"\(key)\":[")
        var isEmpty = true
        for element in elements {
            put(isEmpty ? "\n" : ",\n")
            put(text(element))
            isEmpty = false
        }
        put(isEmpty ? "]" : "\n]")
    }

    /// Writes a further list.
    mutating func put<Element>(next key: String, _ elements: some Sequence<Element>, _ text: (Element) -> String) {
        put(",\n")
        put(list: key, elements, text)
    }
}

extension ByteBuffer: TextTarget {
    package mutating func put(bytes: UnsafeRawBufferPointer) { writeBytes(bytes) }
}

extension DigestHasher: TextTarget {
    package mutating func put(bytes: UnsafeRawBufferPointer) { update(bytes) }
}

/// Counts.
struct TextLength: TextTarget {
    private(set) var bytes = 0

    package mutating func put(bytes: UnsafeRawBufferPointer) { self.bytes += bytes.count }
}

/// Gathers pieces, each of 256 KiB, for something that may fail; then nothing more is given to it.
struct TextPieces<Failure: Error>: TextTarget {
    private static var size: Int { 256 << 10 }

    private let body: (ByteBuffer) throws(Failure) -> Void
    private var gathered = ByteBuffer()
    private var failure: Failure?

    init(_ body: @escaping (ByteBuffer) throws(Failure) -> Void) {
        self.body = body
    }

    package mutating func put(bytes: UnsafeRawBufferPointer) {
        gathered.writeBytes(bytes)
        if gathered.readableBytes >= Self.size { give() }
    }

    private mutating func give() {
        defer { gathered.clear(minimumCapacity: Self.size) }
        guard failure == nil, gathered.readableBytes > 0 else { return }
        do throws(Failure) {
            try body(gathered)
        } catch {
            failure = error
        }
    }

    /// Gives the rest.
    ///
    /// - Throws: what the body threw first.
    mutating func finish() throws(Failure) {
        give()
        if let failure { throw failure }
    }
}

/// A text that may be long: it is made anew whenever it is written.
package protocol ArchiveText: Sendable {
    func write(to target: inout some TextTarget)
}

extension ArchiveText {
    /// Gives it in pieces of some 256 KiB.
    ///
    /// - Throws: what `body` throws first; then no more is given.
    package func forEachPiece<Failure: Error>(_ body: (ByteBuffer) throws(Failure) -> Void) throws(Failure) {
        try withoutActuallyEscaping(body) { body throws(Failure) in
            var pieces = TextPieces(body)
            write(to: &pieces)
            try pieces.finish()
        }
    }

    /// Its length, in bytes.
    package var byteCount: Int {
        var length = TextLength()
        write(to: &length)
        return length.bytes
    }

    /// All of it.
    package var encoded: ByteBuffer {
        var text = ByteBuffer()
        write(to: &text)
        return text
    }

    /// Its digest.
    var textDigest: Digest {
        var hasher = DigestHasher(.sha256)
        write(to: &hasher)
        return hasher.finalize()
    }

    /// It itself, unless it is longer than what may be read back.
    ///
    /// - Throws: `DocumentError` (`tooLarge`).
    func checked(limit: Int) throws(DocumentError) -> Self {
        guard byteCount <= limit else {
            throw DocumentError(.tooLarge, "there is too much for one archive; export fewer images at a time")
        }
        return self
    }
}

extension ByteBuffer: ArchiveText {
    package func write(to target: inout some TextTarget) {
        withUnsafeReadableBytes { target.put(bytes: $0) }
    }
}
