import OCI

extension FieldReader {
    /// A scalar's own text; not empty and without NUL.
    mutating func string(_ field: Field?) -> String? {
        guard let field else { return nil }
        guard case .scalar(let text, _) = field.node.content, !field.node.isNull else {
            fail(field, "must be a string, not \(field.node.shown)")
            return nil
        }
        guard !text.isEmpty else {
            fail(field, "must not be empty")
            return nil
        }
        guard !text.utf8.contains(0) else {
            fail(field, "must not contain a NUL character")
            return nil
        }
        return text
    }

    /// `true` and `false`, and YAML 1.1's `yes`, `no`, `on`, `off`, in any case.
    mutating func bool(_ field: Field?) -> Bool? {
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
    mutating func count(_ field: Field?) -> Int? {
        guard let field else { return nil }
        if case .scalar(let text, _) = field.node.content, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            if let number = Int(text), number >= 1 { return number }
        }
        fail(field, "must be a whole number of at least 1, not \(field.node.shown)")
        return nil
    }

    /// A Go duration of more than zero.
    mutating func timeout(_ field: Field?) -> Duration? {
        guard let text = string(field), let field else { return nil }
        if let duration = try? Duration(goDuration: text), duration > .zero { return duration }
        fail(field, "must be a duration of more than zero with its unit, such as 30s or 1m30s, not \(field.node.shown)")
        return nil
    }

    mutating func byteSize(_ field: Field?) -> ByteSize? {
        guard let text = string(field), let field else { return nil }
        do throws(QuantityError) {
            return try ByteSize(text)
        } catch {
            fail(field, "must be \(error.expectation), not \(field.node.shown)")
            return nil
        }
    }

    /// One of an enumeration's words.
    mutating func word<T: RawRepresentable & CaseIterable>(_ field: Field?, _: T.Type) -> T?
    where T.RawValue == String {
        guard let text = string(field), let field else { return nil }
        if let value = T(rawValue: text) { return value }
        let words = T.allCases.map { "'\($0.rawValue)'" }.joined(separator: " or ")
        fail(field, "must be \(words), not \(field.node.shown)")
        return nil
    }

    /// A value that the reference grammar, or a URL's, decides on.
    mutating func reference<T>(
        _ field: Field?,
        as kind: String,
        _ parse: (String) throws(ReferenceError) -> T
    ) -> T? {
        guard let text = string(field), let field else { return nil }
        do throws(ReferenceError) {
            return try parse(text)
        } catch {
            fail(field, "must be \(kind), not \(field.node.shown): \(error.reason)")
            return nil
        }
    }

    mutating func host(_ field: Field?) -> RegistryHost? {
        reference(field, as: "a host[:port]") { text throws(ReferenceError) in
            guard !text.contains("/") else { throw ReferenceError(.host, text, "write it without scheme and path") }
            return try RegistryHost(text)
        }
    }

    mutating func baseURL(_ field: Field?) -> BaseURL? {
        guard let text = string(field), let field else { return nil }
        do throws(ReferenceError) {
            return try BaseURL(text)
        } catch {
            fail(field, error.text.isEmpty ? error.reason : "\(error.reason), not \(field.node.shown)")
            return nil
        }
    }

    mutating func platforms(_ field: Field?) -> [PlatformPattern]? {
        guard let field else { return nil }
        var result: [PlatformPattern] = []
        for element in list(field, example: "[linux/amd64]") {
            let pattern = reference(element, as: "a platform") { text throws(ReferenceError) in
                try PlatformPattern(text)
            }
            if let pattern, !result.contains(pattern) { result.append(pattern) }
        }
        return result
    }
}
