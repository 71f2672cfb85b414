/// The version that a tag starts with, read leniently, and its order.
///
/// `[v]N[.N[.N[.N]]]` and then whatever follows. Numbers have any length; leading zeros count for nothing in the order
/// and are kept in ``parts``. Dates are versions too: `20240101`, `2024.01.15`, `2024-01-15`. A bare commit hash that
/// happens to start with a digit is not.
///
/// The order, rising: the numbers, a missing one being 0. Then what follows, cut into words and numbers and compared
/// piece by piece, where at each place
///
/// 1. a pre-release word is lowest (`dev` < `alpha` < `beta` < `preview` < `rc`),
/// 2. then any other word, in alphabetical order: the variants (`-alpine3.21`, `-slim`, `-k3s1`),
/// 3. then nothing at all: the plain release,
/// 4. then a number, by its value: a later build of the same release (`-1`, `-20240612`).
///
/// Thus `1.22.3-rc.1` < `1.22.3-alpine3.9` < `1.22.3-alpine3.21` < `1.22.3` < `1.22.3-1`. Of versions that are equal so
/// far the one with more parts is higher: `1.22` < `1.22.0`.
package struct TagVersion: Hashable, Sendable {
    /// One to four numbers as they stand in the tag.
    package let parts: [String]
    /// What follows them, with its separator; empty for a plain release.
    package let suffix: String

    /// What the order compares, byte by byte: a long listing has as many of them as it has tags.
    package let rank: [UInt8]

    /// - Returns: `nil` for a tag that does not start with a version. Not an error.
    package init?(_ tag: TagName) {
        guard !Self.isCommitHash(tag.description.utf8) else { return nil }
        var rest = Substring(tag.description)
        if rest.first == "v" || rest.first == "V" { rest.removeFirst() }
        var parts: [String] = []
        while parts.count < 4 {
            let tail = parts.isEmpty ? rest : rest.dropFirst()
            let digits = tail.prefix { ("0"..."9").contains($0) }
            guard !digits.isEmpty, parts.isEmpty || rest.first == "." else { break }
            parts.append(String(digits))
            rest = tail[digits.endIndex...]
        }
        guard !parts.isEmpty else { return nil }
        self.parts = parts
        suffix = String(rest)
        rank = Self.rank(of: parts, suffix)
    }

    private static func rank(of parts: [String], _ suffix: String) -> [UInt8] {
        var rank: [UInt8] = []
        rank.reserveCapacity(suffix.utf8.count + 16)
        for position in 0..<4 { DecimalNumber(position < parts.count ? parts[position] : "0").appendRank(to: &rank) }
        for piece in VersionPiece.pieces(of: suffix) { piece.appendRank(to: &rank) }
        rank.append(UInt8(parts.count))
        return rank
    }

    /// Whether the version is nothing but numbers.
    package var isPlain: Bool { suffix.isEmpty }

    /// Whether the whole text could be an abbreviated or full Git hash, and hardly a version such as `20240101b1`.
    private static func isCommitHash(_ text: String.UTF8View) -> Bool {
        guard (7...12).contains(text.count) || text.count == 40 || text.count == 64 else { return false }
        let isDigit: (UInt8) -> Bool = { (0x30...0x39).contains($0) }
        guard text.allSatisfy({ isDigit($0) || (0x61...0x66).contains($0) }) else { return false }
        let tail = text.drop(while: isDigit)
        return tail.count > 1 && !tail.dropFirst().allSatisfy(isDigit)
    }
}

extension TagVersion: Comparable {
    package static func < (left: TagVersion, right: TagVersion) -> Bool {
        left.rank.lexicographicallyPrecedes(right.rank)
    }

    /// Equal in the order, though perhaps not in letters: `22.04` and `22.4`.
    package static func == (left: TagVersion, right: TagVersion) -> Bool {
        left.rank == right.rank
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(rank)
    }
}
