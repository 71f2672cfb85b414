/// Text in lines that a terminal shows whole.
enum FoldedText {
    /// A text in as many lines as it takes, broken at blanks, or within a word that is longer than a line.
    ///
    /// - Parameters:
    ///   - text: one line.
    ///   - columns: how many characters a line takes; `nil` where there is no end.
    /// - Returns: at least one line.
    static func lines(_ text: String, columns: Int?) -> [String] {
        guard let columns, text.count > columns else { return [text] }
        var lines = [""]
        for word in text.split(separator: " ").flatMap({ pieces($0, max(1, columns)) }) {
            let last = lines[lines.count - 1]
            if last.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if last.count + 1 + word.count <= columns {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }

    private static func pieces(_ word: Substring, _ columns: Int) -> [Substring] {
        guard word.count > columns else { return [word] }
        return [word.prefix(columns)] + pieces(word.dropFirst(columns), columns)
    }
}
