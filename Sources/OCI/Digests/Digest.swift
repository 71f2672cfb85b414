/// The name of some bytes: an algorithm and the hash it gave.
///
/// OCI image-spec 1.1.1, "Digests". Only the registered algorithms are accepted, because only those can be verified:
/// a digest of another algorithm is an error where it is met, never a file name or a path.
package struct Digest: Hashable, Sendable {
    /// A registered digest algorithm.
    package enum Algorithm: String, CaseIterable, Sendable {
        case sha256
        case sha512

        /// The length of its hash, in bytes.
        package var byteCount: Int {
            switch self {
            case .sha256: 32
            case .sha512: 64
            }
        }
    }

    package let algorithm: Algorithm
    /// The hash itself.
    package let bytes: [UInt8]

    /// Takes over a hash that was computed or stored.
    ///
    /// - Returns: `nil` when the length is not the algorithm's.
    package init?(algorithm: Algorithm, bytes: [UInt8]) {
        guard bytes.count == algorithm.byteCount else { return nil }
        self.algorithm = algorithm
        self.bytes = bytes
    }

    /// Parses `algorithm:hex`, with lower-case hexadecimal digits as the specification demands.
    package init(_ text: some StringProtocol) throws(ReferenceError) {
        let characters = Array(text.utf8)
        guard let colon = characters.firstIndex(of: UInt8(ascii: ":")) else {
            throw ReferenceError(.digest, text, "expected algorithm:hex")
        }
        let name = characters[..<colon]
        let hex = characters[(colon + 1)...]
        guard let algorithm = Algorithm.allCases.first(where: { $0.rawValue.utf8.elementsEqual(name) }) else {
            throw ReferenceError(.digest, text, "the algorithm is not one of sha256, sha512")
        }
        guard hex.count == algorithm.byteCount * 2 else {
            throw ReferenceError(.digest, text, "expected \(algorithm.byteCount * 2) hexadecimal digits")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(algorithm.byteCount)
        for index in stride(from: hex.startIndex, to: hex.endIndex, by: 2) {
            guard let high = hex[index].lowerHexValue, let low = hex[index + 1].lowerHexValue else {
                throw ReferenceError(.digest, text, "only the digits 0-9 and a-f are allowed")
            }
            bytes.append(high << 4 | low)
        }
        self.algorithm = algorithm
        self.bytes = bytes
    }

    /// The hash in lower-case hexadecimal digits: the name of its file under `blobs/<algorithm>/`.
    package var hex: String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { write(hexInto: $0) }
    }

    private func write(hexInto buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        for (index, byte) in bytes.enumerated() {
            buffer[index * 2] = Self.hexDigit(byte >> 4)
            buffer[index * 2 + 1] = Self.hexDigit(byte & 15)
        }
        return bytes.count * 2
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}

extension Digest: CustomStringConvertible {
    /// Made in one piece: a server says it twice in each answer.
    package var description: String {
        let name = algorithm.rawValue.utf8
        let start = name.count + 1
        return String(unsafeUninitializedCapacity: start + bytes.count * 2) { buffer in
            for (index, byte) in name.enumerated() { buffer[index] = byte }
            buffer[name.count] = UInt8(ascii: ":")
            return start + write(hexInto: UnsafeMutableBufferPointer(rebasing: buffer[start...]))
        }
    }

    /// The first twelve hexadecimal digits, as people know them from `docker images`.
    package var short: String { String(hex.prefix(12)) }
}

extension Digest {
    /// Takes the hash in one piece, where an array would hand over each byte.
    package func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension Digest: Comparable {
    package static func < (left: Digest, right: Digest) -> Bool {
        left.algorithm == right.algorithm
            ? left.bytes.lexicographicallyPrecedes(right.bytes)
            : left.algorithm.rawValue < right.algorithm.rawValue
    }
}
