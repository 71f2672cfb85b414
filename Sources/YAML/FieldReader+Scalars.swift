extension FieldReader {
    /// A scalar's own text; not empty and without NUL, and one line unless it may have several.
    package mutating func string(_ field: Field?, mayHaveLines: Bool = false) -> String? {
        guard let field else { return nil }
        guard case .scalar(let text, _) = field.node.content, !field.node.isNull else {
            fail(field, "must be a string, not \(field.node.shown)")
            return nil
        }
        guard !text.isEmpty else {
            fail(field, "must not be empty; write a value, or leave the key out")
            return nil
        }
        guard !text.utf8.contains(0) else {
            fail(field, "must not contain a NUL character; remove it")
            return nil
        }
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        guard mayHaveLines || lines.count == 1 else {
            let isOneLine = lines.dropFirst().allSatisfy(\.isEmpty)
            fail(
                field,
                isOneLine
                    ? "must not end with a line feed: begin the block with '|-' or '>-'"
                    : "must be one line, without a line feed, not \(field.node.shown)"
            )
            return nil
        }
        return text
    }

    /// `true` and `false`, and YAML 1.1's `yes`, `no`, `on`, `off`, in any case.
    package mutating func bool(_ field: Field?) -> Bool? {
        guard let field else { return nil }
        if case .scalar(let text, _) = field.node.content {
            switch text.lowercased() {
            case "true", "yes", "on": return true
            case "false", "no", "off": return false
            default: break
            }
        }
        fail(field, "must be true or false, not \(field.node.shown)")
        return nil
    }

    /// A whole number of at least 1, in decimal digits without a sign.
    package mutating func count(_ field: Field?, upTo maximum: Int = .max) -> Int? {
        guard let field else { return nil }
        if case .scalar(let text, _) = field.node.content, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            let number = Int(text)
            if let number, (1...maximum).contains(number) { return number }
            if !text.isEmpty, number != 0 {
                fail(field, "must be a whole number of at most \(maximum), not \(field.node.shown)")
                return nil
            }
        }
        fail(field, "must be a whole number of at least 1, not \(field.node.shown)")
        return nil
    }

    /// One of an enumeration's words.
    package mutating func word<T: RawRepresentable & CaseIterable>(_ field: Field?, _: T.Type) -> T?
    where T.RawValue == String {
        guard let text = string(field), let field else { return nil }
        if let value = T(rawValue: text) { return value }
        let words = T.allCases.map { "'\($0.rawValue)'" }.joined(separator: " or ")
        fail(field, "must be \(words), not \(field.node.shown)")
        return nil
    }
}
