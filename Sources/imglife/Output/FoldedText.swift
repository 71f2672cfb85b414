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
        // Blanks that follow each other stay within a line, and end none.
        for word in text.split(separator: " ", omittingEmptySubsequences: false).flatMap({ pieces($0, max(1, columns)) }
        ) {
            let last = lines[lines.count - 1]
            if last.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if last.count + 1 + word.count <= columns {
                lines[lines.count - 1] += " \(word)"
            } else if !word.isEmpty {
                lines.append(String(word))
            }
        }
        return lines.map { String($0.reversed().drop { $0 == " " }.reversed()) }
    }

    /// A line of a log, with its end, in as many lines as a terminal takes for it; those after the first are indented.
    static func log(_ line: String, columns: Int) -> String {
        guard line.count > columns else { return line }
        let indent = "    "
        return lines(String(line.dropLast()), columns: columns - 1 - indent.count).joined(separator: "\n" + indent)
            + "\n"
    }

    private static func pieces(_ word: Substring, _ columns: Int) -> [Substring] {
        guard word.count > columns else { return [word] }
        return [word.prefix(columns)] + pieces(word.dropFirst(columns), columns)
    }
}
