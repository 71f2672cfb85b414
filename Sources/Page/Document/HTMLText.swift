import Mustache

/// Text in HTML, also in quoted attributes, escaped by scalars.
///
/// Mustache's own type looks at whole characters, and a quotation mark with a combining accent is one of those.
struct HTMLText: MustacheContentType {
    /// Its name in templates.
    static let name = "HTML-TEXT"

    func escapeText(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
