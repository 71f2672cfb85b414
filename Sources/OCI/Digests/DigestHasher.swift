import Crypto
package import NIOCore

/// Computes a digest over bytes as they pass, without copying them.
package struct DigestHasher: Sendable {
    package let algorithm: Digest.Algorithm
    // One of the two is set. Optionals, because updating an enum's payload would copy the hash's state every time.
    private var sha256: SHA256?
    private var sha512: SHA512?

    package init(_ algorithm: Digest.Algorithm) {
        self.algorithm = algorithm
        switch algorithm {
        case .sha256: sha256 = SHA256()
        case .sha512: sha512 = SHA512()
        }
    }

    /// Takes in the next bytes.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        sha256?.update(bufferPointer: bytes)
        sha512?.update(bufferPointer: bytes)
    }

    /// Takes in the readable bytes of a buffer; the buffer stays as it is.
    package mutating func update(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { update($0) }
    }

    /// The digest of all bytes so far; more may follow afterwards.
    package func finalize() -> Digest {
        let bytes = sha256.map { Array($0.finalize()) } ?? sha512.map { Array($0.finalize()) } ?? []
        guard let digest = Digest(algorithm: algorithm, bytes: bytes) else {
            preconditionFailure("a hash has its algorithm's length")
        }
        return digest
    }
}

extension Digest {
    /// The digest of the bytes at hand.
    package static func of(_ buffer: ByteBuffer, algorithm: Algorithm = .sha256) -> Digest {
        var hasher = DigestHasher(algorithm)
        hasher.update(buffer)
        return hasher.finalize()
    }
}
