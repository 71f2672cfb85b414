/// Finds the known name that somebody probably meant.
package enum NearestName {
    /// The known name nearest to what was written, when it is near enough to be a slip.
    ///
    /// Case and `-` for `_` count as nothing; otherwise up to a third of the name's letters may differ. The first of
    /// equally near ones.
    package static func suggestion(for written: String, among known: [String]) -> String? {
        guard written.utf8.count <= 64 else { return nil }
        let folded = fold(written)
        let distances = known.map { (name: $0, distance: distance(folded, fold($0))) }
        guard let best = distances.min(by: { $0.distance < $1.distance }) else { return nil }
        return best.distance <= max(1, best.name.count / 3) ? best.name : nil
    }

    private static func fold(_ text: String) -> [UInt8] {
        text.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforePrevious: [Int] = []
        var previous = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let replaced = previous[column] + (left[row] == right[column] ? 0 : 1)
                var best = min(replaced, previous[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, beforePrevious[column - 1] + 1)
                }
                current.append(best)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[right.count]
    }
}
