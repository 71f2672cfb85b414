import Crypto
import CryptoExtras
import FoundationEssentials
package import OCI

/// A signature over an archive's ``ArchiveStatement``: Ed25519, RFC 8032.
package struct ArchiveSignature: Hashable, Sendable {
    /// The digest of the public key in DER (SPKI), as `openssl pkey -pubin -outform DER | sha256sum` prints it.
    package let key: OCI.Digest
    /// 64 bytes.
    fileprivate let bytes: [UInt8]

    fileprivate init?(key: OCI.Digest, bytes: [UInt8]) {
        guard bytes.count == 64, key.algorithm == .sha256 else { return nil }
        self.key = key
        self.bytes = bytes
    }

    init(_ fields: ArchiveFields) throws(DocumentError) {
        try fields.allowOnly("key", "signature")
        guard let data = Data(base64Encoded: try fields.string("signature")),
            let signature = Self(key: try fields.digest("key"), bytes: Array(data))
        else { throw fields.malformed("signature") }
        self = signature
    }

    var base64: String { Data(bytes).base64EncodedString() }
}

/// A private key that signs archives.
package struct ArchiveSigningKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    /// Makes a new one.
    package init() {
        key = Curve25519.Signing.PrivateKey()
    }

    /// Reads PEM as `openssl genpkey -algorithm ed25519` and ``pem`` write it: PKCS#8, not encrypted.
    ///
    /// - Throws: ``DocumentError`` (`unsupported`); its text never shows the key.
    package init(pem: String) throws(DocumentError) {
        // The library does not look at the algorithm; written again the text differs where it is another.
        guard let key = try? Curve25519.Signing.PrivateKey(pemRepresentation: pem),
            key.pemRepresentation.filter({ !$0.isWhitespace }) == pem.filter({ !$0.isWhitespace })
        else {
            throw DocumentError(
                .unsupported,
                "it is not an unencrypted Ed25519 private key in PEM (PKCS#8); make one with 'imglife keygen'"
            )
        }
        self.key = key
    }

    /// The private key; secret.
    package var pem: String { key.pemRepresentation + "\n" }

    package var verificationKey: ArchiveVerificationKey { ArchiveVerificationKey(key.publicKey) }

    /// Signs what the document says; signatures that it has already stay.
    package func sign(_ document: inout ArchiveDocument) throws {
        let bytes = try Array(key.signature(for: ArchiveStatement(document).signed))
        guard let signature = ArchiveSignature(key: verificationKey.digest, bytes: bytes) else {
            throw DocumentError(.structure, "the signature has \(bytes.count) bytes")
        }
        document.signatures.append(signature)
    }
}

/// A public key that archives are checked against.
package struct ArchiveVerificationKey: Sendable {
    private let key: Curve25519.Signing.PublicKey

    fileprivate init(_ key: Curve25519.Signing.PublicKey) {
        self.key = key
    }

    /// Reads PEM as `openssl pkey -pubout` and ``pem`` write it: SPKI.
    ///
    /// - Throws: ``DocumentError`` (`unsupported`).
    package init(pem: String) throws(DocumentError) {
        do {
            key = try Curve25519.Signing.PublicKey(pemRepresentation: pem)
        } catch {
            throw DocumentError(
                .unsupported,
                "it is not an Ed25519 public key in PEM; 'openssl pkey -in KEY -pubout' prints a private key's"
            )
        }
    }

    package var pem: String { key.pemRepresentation + "\n" }

    /// What signatures name the key by; see ``ArchiveSignature/key``.
    package var digest: OCI.Digest {
        var hasher = DigestHasher(.sha256)
        Array(key.derRepresentation).withUnsafeBytes { hasher.update($0) }
        return hasher.finalize()
    }

    /// Whether one of the document's signatures was made with the private key of this one, over what it says.
    package func verifies(_ document: ArchiveDocument) -> Bool {
        let statement = ArchiveStatement(document).signed
        return document.signatures.contains { signature in
            signature.key == digest && key.isValidSignature(Data(signature.bytes), for: statement)
        }
    }
}
