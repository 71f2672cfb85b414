import OCI
import YAML

/// The values of a configuration that have a grammar of their own.
extension FieldReader {
    /// A Go duration of more than zero.
    mutating func timeout(_ field: Field?) -> Duration? {
        guard let text = string(field), let field else { return nil }
        var expectation = "a duration of more than zero with its unit, such as 30s or 1m30s"
        do throws(QuantityError) {
            let duration = try Duration(goDuration: text)
            if duration > .zero { return duration }
        } catch {
            if error.isTooLarge { expectation = error.expectation }
        }
        fail(field, "must be \(expectation), not \(field.node.shown)")
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

    /// A value that the reference grammar, or a URL's, decides on.
    mutating func parsed<T>(
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
        parsed(field, as: "a host[:port]") { text throws(ReferenceError) in
            guard !text.contains("/") else { throw ReferenceError(.host, text, "write it without scheme and path") }
            return try RegistryHost(text)
        }
    }

    /// One to which a path is added, which must not stand there already.
    mutating func baseURL(_ field: Field?, adding path: String? = nil) -> BaseURL? {
        guard let text = string(field), let field else { return nil }
        do throws(ReferenceError) {
            let url = try BaseURL(text)
            if let path, url.path.hasSuffix(path) {
                fail(
                    field,
                    "must not end with '\(path)', which is added to it: leave that out, not \(field.node.shown)"
                )
                return nil
            }
            return url
        } catch {
            fail(field, error.text.isEmpty ? error.reason : "\(error.reason), not \(field.node.shown)")
            return nil
        }
    }

    mutating func platforms(_ field: Field?) -> [PlatformPattern]? {
        guard let field else { return nil }
        var result: [PlatformPattern] = []
        for element in list(field, example: "[linux/amd64]") {
            let pattern = parsed(element, as: "a platform") { text throws(ReferenceError) in
                try PlatformPattern(text)
            }
            if let pattern, !result.contains(pattern) { result.append(pattern) }
        }
        return result
    }
}
