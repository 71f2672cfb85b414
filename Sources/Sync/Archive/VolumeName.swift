import Archive

/// What the archives of a set are called: `bundle.tar` becomes `bundle.01-of-12.tar`.
package struct VolumeName: Hashable, Sendable {
    /// What one archive would be called.
    package let whole: String
    /// From 1.
    package let number: Int
    /// How many there are.
    package let count: Int

    /// Reads a path.
    ///
    /// - Returns: `nil` unless it is one that a volume of a set gets.
    package init?(_ path: String) {
        let (stem, ending) = Self.split(path)
        guard let dot = stem.lastIndex(of: "."), dot != stem.startIndex else { return nil }
        let words = stem[stem.index(after: dot)...].split(separator: "-", omittingEmptySubsequences: false)
        guard words.count == 3, words[1] == "of", let number = Int(words[0]), let count = Int(words[2]),
            count > 1, 1...count ~= number
        else { return nil }
        whole = stem[..<dot] + ending
        self.number = number
        self.count = count
        guard Self.path(whole, number: number, of: count) == path else { return nil }
    }

    /// - Parameters:
    ///   - path: what one archive would be called.
    ///   - number: from 1.
    ///   - count: how many there are; of one alone the path stays as it is.
    /// - Returns: the path of one volume.
    static func path(_ path: String, number: Int, of count: Int) -> String {
        guard count > 1 else { return path }
        let digits = String(number)
        let padded = String(repeating: "0", count: String(count).utf8.count - digits.utf8.count) + digits
        let (stem, ending) = split(path)
        return "\(stem).\(padded)-of-\(count)\(ending)"
    }

    private static func split(_ path: String) -> (stem: String, ending: String) {
        let ending = ArchiveSource.ending(of: path) ?? ""
        return (String(path.dropLast(ending.count)), String(ending))
    }

    /// Names of which some belong to another set than others, though one archive of all would be called the same,
    /// however it is compressed, or unpacked.
    ///
    /// - Returns: one of each set, sorted; none where each is of a set of its own name.
    package static func rivals(among paths: [String]) -> [String] {
        var sets: [String: [Int: String]] = [:]
        for path in paths.sorted() {
            let volume = VolumeName(path)
            let (stem, count) = (split(volume?.whole ?? path).stem, volume?.count ?? 1)
            if sets[stem]?[count] == nil { sets[stem, default: [:]][count] = path }
        }
        return sets.values.filter { $0.count > 1 }.flatMap(\.values).sorted()
    }
}
