import OCI
import Registry
import YAML

/// `imglife help environment`: the variables that the program reads, with their defaults.
enum EnvironmentHelp {
    struct Variable {
        let name: String
        /// Empty where there is none.
        let preset: String
        let meaning: String

        init(_ name: String, _ preset: String, _ meaning: String) {
            (self.name, self.preset, self.meaning) = (name, preset, meaning)
        }
    }

    static let variables = [
        Variable("IMGLIFE_CONFIG", "imglife.yaml", "the configuration; --config wins"),
        Variable("IMGLIFE_CACHE_DIR", "", "where the cache is; --cache-dir wins, else cache.path, else var/cache"),
        Variable("IMGLIFE_LOG_LEVEL", "info", "how much is logged; --log-level wins"),
        Variable("IMGLIFE_LOG_FORMAT", "text", "text or json; --log-format wins"),
        Variable("IMGLIFE_LOCK_TIMEOUT", "60s", "how long another process's lock is waited for; --lock-timeout wins"),
        Variable("IMGLIFE_SYNC_PARALLELISM", "4", "images copied at a time, 1 to 256"),
        Variable("IMGLIFE_RETRY_ATTEMPTS", "3", "tries in all, 1 to 100"),
        Variable("IMGLIFE_RETRY_INITIAL_DELAY", "2s", "before the second try"),
        Variable("IMGLIFE_RETRY_BACKOFF", "2", "what each further delay is multiplied with"),
        Variable("IMGLIFE_RETRY_TIMEOUT", "60s", "for an answer, or without progress in a transfer"),
        Variable("IMGLIFE_<HOST>_USERNAME", "", "user at a registry; <HOST> is REGISTRY_5000 for registry:5000"),
        Variable("IMGLIFE_<HOST>_PASSWORD", "", "with it"),
        Variable("IMGLIFE_<HOST>_TOKEN", "", "or instead of both, what the registry's page calls a token"),
        Variable("CI_REGISTRY", "", "GitLab's registry, for CI_JOB_TOKEN"),
        Variable("CI_JOB_TOKEN", "", "GitLab's token of the job"),
        Variable("REGISTRY_AUTH_FILE", "", "a file of credentials, as podman's"),
        Variable("DOCKER_CONFIG", "~/.docker", "the directory of docker's config.json"),
        Variable("XDG_RUNTIME_DIR", "", "below it podman's containers/auth.json"),
        Variable("HOME", "", "below it docker's and podman's files"),
        Variable("HTTPS_PROXY", "", "proxy for https; the name in lower case wins"),
        Variable("HTTP_PROXY", "", "proxy for http"),
        Variable("NO_PROXY", "", "hosts, domains and networks that are reached without one"),
        Variable("SSL_CERT_FILE", "", "a PEM file of certificate authorities instead of the system's"),
        Variable("NO_COLOR", "", "no colours when it is not empty"),
        Variable("TERM", "", "no colours and no bars when it is 'dumb'"),
        Variable("TMPDIR", "/tmp", "where the report for hooks is written"),
    ]

    /// Without a line feed at its end.
    static var text: String {
        let rows = [("VARIABLE", "DEFAULT", "MEANING")] + variables.map { ($0.name, $0.preset, $0.meaning) }
        let name = rows.map(\.0.count).max() ?? 0
        let preset = rows.map(\.1.count).max() ?? 0
        let lines = rows.map { row in
            "\(ColumnText.fitted(row.0, name))  \(ColumnText.fitted(row.1, preset))  \(row.2)"
        }
        return """
            An option wins over a variable, a variable over the file. One that is empty counts as unset; one that cannot be
            understood is an error of each command that reads it. Hooks get variables of their own: docs/configuration.md.

            \(lines.joined(separator: "\n"))
            """
    }
}

extension EnvironmentHelp {
    private static let prefix = "IMGLIFE_"

    /// One warning for each variable that nobody reads and whose name is nearly that of one which the program reads.
    static func slips(in environment: [String: String]) -> [String] {
        environment.keys.sorted().compactMap { name in
            meant(by: name).map { "the environment variable \(name.displaySafe) is not read; did you mean \($0)?" }
        }
    }

    /// Only what follows the prefix is compared, which would make any two of them alike.
    private static func meant(by name: String) -> String? {
        if let variable = HostVariable(name) { return variable.name == name ? nil : variable.name }
        let known = variables.map(\.name).filter { $0.hasPrefix(prefix) && !$0.contains("<") }
        guard name.hasPrefix(prefix), !known.contains(name) else { return nil }
        let rests = known.map { String($0.dropFirst(prefix.count)) }
        return NearestName.suggestion(for: String(name.dropFirst(prefix.count)), among: rests).map { prefix + $0 }
    }
}
