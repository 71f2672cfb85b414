// OCI distribution-spec 1.1.1, "Referrers Tag Schema": the algorithm and the hash, cut to 32 and to 64 characters.

extension Digest.Algorithm {
    fileprivate var referrersTagPrefix: String { "\(rawValue.prefix(32))-" }
    fileprivate var referrersTagDigits: Int { min(64, byteCount * 2) }
}

extension Digest {
    /// The tag of the index that lists what refers to a manifest, where the registry keeps no such list itself.
    ///
    /// OCI distribution-spec 1.1.1, "Referrers Tag Schema": at most 64 digits of the hash.
    package var referrersTag: TagName {
        get throws(ReferenceError) {
            try TagName(algorithm.referrersTagPrefix + hex.prefix(algorithm.referrersTagDigits))
        }
    }
}

extension TagName {
    /// What tags begin with under which referrers are kept: `sha256-`.
    package static let referrerPrefixes = Digest.Algorithm.allCases.map(\.referrersTagPrefix)

    /// Whether it follows the schemes under which referrers are kept where there is no referrers API.
    ///
    /// OCI distribution-spec 1.1.1, "Referrers Tag Schema"; cosign's `sha256-<hex>.sig`, `.att` and `.sbom`.
    package var isReferrerTag: Bool {
        Digest.Algorithm.allCases.contains { algorithm in
            guard description.hasPrefix(algorithm.referrersTagPrefix) else { return false }
            let text = description.utf8.dropFirst(algorithm.referrersTagPrefix.utf8.count)
            let digits = text.prefix(algorithm.referrersTagDigits)
            let rest = text.dropFirst(algorithm.referrersTagDigits)
            return digits.count == algorithm.referrersTagDigits && digits.allSatisfy { $0.lowerHexValue != nil }
                && (rest.isEmpty || rest.first == UInt8(ascii: "."))
        }
    }

    /// What it refers to, where it is a whole digest that something else follows: cosign's `sha256-<hex>.sig`, `.att`, `.sbom`.
    package var subjectOfReferrerTag: Digest? {
        guard isReferrerTag, let end = description.firstIndex(of: ".") else { return nil }
        let parts = description[..<end].split(separator: "-")
        return try? Digest(parts.joined(separator: ":"))
    }
}
