/// The next page's address in `Link` headers.
///
/// RFC 8288, and the form without angle brackets that old Quay sends.
enum Link {
    /// The first target whose relation is `next`, or is not told, as written.
    static func next(in fields: [String]) -> String? {
        for field in fields {
            for link in split(field) {
                if let target = target(ifNext: link) { return target }
            }
        }
        return nil
    }

    private static func target(ifNext link: Substring) -> String? {
        let text = link.trimmingBlanks
        let target: Substring
        let parameters: Substring
        if text.hasPrefix("<") {
            guard let end = text.firstIndex(of: ">") else { return nil }
            target = text[text.index(after: text.startIndex)..<end]
            parameters = text[text.index(after: end)...]
        } else {
            target = text.prefix { $0 != ";" }
            parameters = text[target.endIndex...]
        }
        let relations = parameters.split(separator: ";").compactMap { parameter -> [Substring]? in
            let parts = parameter.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].trimmingBlanks.lowercased() == "rel" else { return nil }
            return parts[1].lowercased().split { " \t\"'".contains($0) }
        }
        let isNext = relations.isEmpty ? text.hasPrefix("<") : relations.joined().contains("next")
        return isNext ? String(target.trimmingBlanks) : nil
    }

    /// Splits at commas outside angle brackets and quotes.
    private static func split(_ field: String) -> [Substring] {
        var result: [Substring] = []
        var start = field.startIndex
        var closing: Character?
        for index in field.indices {
            let character = field[index]
            if let end = closing {
                if character == end { closing = nil }
            } else if character == "<" {
                closing = ">"
            } else if character == "\"" {
                closing = "\""
            } else if character == "," {
                result.append(field[start..<index])
                start = field.index(after: index)
            }
        }
        return result + [field[start...]]
    }
}

extension StringProtocol {
    var trimmingBlanks: Substring {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
            return Substring()
        }
        return Substring(self[first...last])
    }
}
