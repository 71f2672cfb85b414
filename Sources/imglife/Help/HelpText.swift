import ArgumentParser
import Glibc

/// Completes the help that the argument parser writes: with examples, and with the options that every command takes.
enum HelpText {
    /// With fewer columns the argument parser has none left for what stands beside an option, and ends the program.
    private static let fewestColumns = 40
    private static let globalsTitle = "OPTIONS OF EVERY COMMAND:"

    /// Has the argument parser break lines as if at least so many columns were there.
    ///
    /// It goes by this variable, of which it is told only here, when nothing is started any more that would inherit it.
    static func makeRoom() {
        let columns = getenv("COLUMNS").flatMap { Int(String(cString: $0)) } ?? Terminal.outputColumns
        if let columns, columns < fewestColumns { setenv("COLUMNS", "\(fewestColumns)", 1) }
    }

    /// Help, completed; whatever else is printed at the end stays as it is.
    static func completed(_ text: String) -> String {
        guard text.hasPrefix("OVERVIEW: "), let path = path(of: text) else { return text }
        let examples = Examples.of(path).map { "  " + $0 }
        let sections =
            (examples.isEmpty ? [] : [(["EXAMPLES:"] + examples).joined(separator: "\n")])
            + (path.isEmpty ? [] : [([globalsTitle[...]] + globalOptions).joined(separator: "\n")])
        return ([String(trimmed(text))] + sections).joined(separator: "\n\n")
    }

    /// The names that lead to the command that the help is of, as its usage tells them.
    private static func path(of help: String) -> [String]? {
        guard let line = help.split(separator: "\n").first(where: { $0.hasPrefix("USAGE: ") }) else { return nil }
        return line.split(separator: " ").dropFirst(2).prefix { $0.first?.isLetter == true }.map(String.init)
    }

    /// As the program's own help has them.
    private static var globalOptions: [Substring] {
        Imglife.helpMessage().split(separator: "\n", omittingEmptySubsequences: false)
            .drop { $0 != "OPTIONS:" }.dropFirst().prefix { !$0.isEmpty && !$0.hasPrefix("  --version") }
    }

    private static func trimmed(_ text: String) -> Substring {
        text[..<(text.lastIndex { !$0.isWhitespace }.map { text.index(after: $0) } ?? text.startIndex)]
    }
}
