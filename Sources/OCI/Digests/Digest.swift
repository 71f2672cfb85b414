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
        var high: UInt8?
        for character in hex {
            guard let value = character.lowerHexValue else {
                throw ReferenceError(.digest, text, "only the digits 0-9 and a-f are allowed")
            }
            if let pending = high {
                bytes.append(pending << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        self.algorithm = algorithm
        self.bytes = bytes
    }

    /// The hash in lower-case hexadecimal digits: the name of its file under `blobs/<algorithm>/`.
    package var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
            for (index, byte) in bytes.enumerated() {
                buffer[index * 2] = digits[Int(byte >> 4)]
                buffer[index * 2 + 1] = digits[Int(byte & 15)]
            }
            return bytes.count * 2
        }
    }
}

extension Digest: CustomStringConvertible {
    package var description: String { "\(algorithm.rawValue):\(hex)" }

    /// The first twelve hexadecimal digits, as people know them from `docker images`.
    package var short: String { String(hex.prefix(12)) }
}

extension Digest: Comparable {
    package static func < (left: Digest, right: Digest) -> Bool {
        left.algorithm == right.algorithm
            ? left.bytes.lexicographicallyPrecedes(right.bytes)
            : left.algorithm.rawValue < right.algorithm.rawValue
    }
}
