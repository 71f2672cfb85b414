package import OCI

/// What the environment sets for a run: how much at once, and how often again.
package struct RuntimeSettings: Hashable, Sendable {
    /// `IMGLIFE_SYNC_PARALLELISM`: image copies at a time over all entries, from 1 to ``maximumParallelism``.
    package let parallelism: Int
    /// `IMGLIFE_RETRY_ATTEMPTS`, `_INITIAL_DELAY`, `_BACKOFF` and `_TIMEOUT`.
    package let retry: RetryPolicy

    package static let maximumParallelism = 256
    private static let maximumAttempts = 100
    private static let maximumBackoff = 100.0
    private static let maximumWait: Duration = .seconds(86_400)

    package init(parallelism: Int = 4, retry: RetryPolicy = RetryPolicy()) {
        self.parallelism = min(max(1, parallelism), Self.maximumParallelism)
        self.retry = retry
    }

    /// Reads the variables; one that is unset or empty keeps its default.
    ///
    /// - Throws: ``SettingsError`` with every invalid variable, not only the first.
    package init(environment: [String: String]) throws(SettingsError) {
        var reader = VariableReader(environment: environment)
        let parallelism = reader.integer("IMGLIFE_SYNC_PARALLELISM", upTo: Self.maximumParallelism)
        let attempts = reader.integer("IMGLIFE_RETRY_ATTEMPTS", upTo: Self.maximumAttempts)
        let delay = reader.duration("IMGLIFE_RETRY_INITIAL_DELAY", from: .zero, upTo: Self.maximumWait)
        let backoff = reader.factor("IMGLIFE_RETRY_BACKOFF", upTo: Self.maximumBackoff)
        let timeout = reader.duration("IMGLIFE_RETRY_TIMEOUT", from: .nanoseconds(1), upTo: Self.maximumWait)
        guard reader.problems.isEmpty else { throw SettingsError(problems: reader.problems) }
        let standard = RetryPolicy()
        self.init(
            parallelism: parallelism ?? 4,
            retry: RetryPolicy(
                attempts: attempts ?? standard.attempts,
                initialDelay: delay ?? standard.initialDelay,
                backoff: backoff ?? standard.backoff,
                timeout: timeout ?? standard.timeout
            )
        )
    }
}

/// Environment variables that hold what they must not.
package struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line a variable, its name first; never empty.
    package let problems: [String]

    package init(problems: [String]) {
        self.problems = problems
    }

    package var description: String { problems.joined(separator: "\n") }
}

/// Reads variables and notes what is wrong with them.
private struct VariableReader {
    let environment: [String: String]
    private(set) var problems: [String] = []

    init(environment: [String: String]) {
        self.environment = environment
    }

    mutating func integer(_ name: String, upTo maximum: Int) -> Int? {
        read(name, "a whole number from 1 to \(maximum)") { text in
            guard text.utf8.allSatisfy(\.isASCIIDigit), let value = Int(text) else { return nil }
            return (1...maximum).contains(value) ? value : nil
        }
    }

    mutating func factor(_ name: String, upTo maximum: Double) -> Double? {
        read(name, "a number from 1 to \(Int(maximum)), such as 2 or 1.5") { text in
            guard text.utf8.allSatisfy({ $0.isASCIIDigit || $0 == UInt8(ascii: ".") }), let value = Double(text) else {
                return nil
            }
            return (1...maximum).contains(value) ? value : nil
        }
    }

    mutating func duration(_ name: String, from minimum: Duration, upTo maximum: Duration) -> Duration? {
        let bound = minimum == .zero ? "from 0s" : "of more than zero,"
        return read(name, "a duration \(bound) up to 24h with its unit, such as 2s or 1m30s") { text in
            guard let value = try? Duration(goDuration: text), minimum <= value, value <= maximum else { return nil }
            return value
        }
    }

    private mutating func read<T>(_ name: String, _ expectation: String, _ parse: (String) -> T?) -> T? {
        guard let text = environment[name], !text.isEmpty else { return nil }
        if let value = parse(text) { return value }
        problems.append("\(name) must be \(expectation), not '\(text.displaySafe)'")
        return nil
    }
}
