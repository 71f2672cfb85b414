import Glibc

/// Colours for a terminal, or none.
struct TextStyle {
    let isColoured: Bool

    /// Colours unless `NO_COLOR` is set, `TERM` is `dumb`, or standard output is no terminal.
    static func standardOutput(_ environment: [String: String]) -> TextStyle {
        let refuses = environment["NO_COLOR"]?.isEmpty == false || environment["TERM"] == "dumb"
        return TextStyle(isColoured: !refuses && isatty(STDOUT_FILENO) == 1)
    }

    func bold(_ text: String) -> String { paint(text, "1") }
    func green(_ text: String) -> String { paint(text, "32") }
    func red(_ text: String) -> String { paint(text, "31") }
    func yellow(_ text: String) -> String { paint(text, "33") }

    private func paint(_ text: String, _ code: String) -> String {
        isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
