package import OCI

// Tests write names as literals: a wrong one is a mistake in the test's own source and stops it at once.

extension RepositoryName: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) {
        self = literal(text) { text throws(ReferenceError) in try RepositoryName(text) }
    }
}

extension TagName: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) {
        self = literal(text) { text throws(ReferenceError) in try TagName(text) }
    }
}

extension RegistryHost: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) {
        self = literal(text) { text throws(ReferenceError) in try RegistryHost(text) }
    }
}

extension MediaType: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) {
        self = literal(text) { text throws(ReferenceError) in try MediaType(text) }
    }
}

extension Digest: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) {
        self = literal(text) { text throws(ReferenceError) in try Digest(text) }
    }
}

private func literal<Value>(_ text: String, _ parse: (String) throws(ReferenceError) -> Value) -> Value {
    do {
        return try parse(text)
    } catch {
        preconditionFailure("a literal in a test: \(error)")
    }
}
