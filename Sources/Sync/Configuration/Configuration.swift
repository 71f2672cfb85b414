package import OCI

/// Everything that `imglife.yaml` says, validated, with the defaults merged into the entries.
///
/// Values as far as one file can decide them: flags and environment variables that override them are the command
/// line's. Paths are kept as they were written; ``resolve(_:)`` makes them usable.
package struct Configuration: Sendable {
    /// In the file's order; never empty.
    package let entries: [Entry]
    /// `sync.hooks.post_sync`: what runs after all entries.
    package let hooks: [Hook]
    package let cache: CacheOptions
    /// How to reach the hosts that the file says something about; docker.io's aliases are folded.
    package let registries: [RegistryHost: RegistryOptions]
    package let lifecycle: LifecycleOptions
    /// What was accepted but deserves a word, in the order of their positions.
    package let warnings: [ConfigurationProblem]
    /// Where the file lies, without a slash at the end; `.` for standard input and bare names.
    package let directory: String

    /// Reads a configuration.
    ///
    /// Pure: no file is opened, no host asked. At most 1 MiB, 64 levels and 100 000 nodes with all aliases expanded.
    ///
    /// - Parameters:
    ///   - yaml: the file's text.
    ///   - file: its path, as messages show it; `-` for standard input.
    /// - Throws: every problem of the file, not only the first.
    package init(yaml: String, file: String) throws(ConfigurationError) {
        var reader = FieldReader(file: file)
        let draft = reader.readDocument(yaml)
        guard let draft, reader.problems.isEmpty else {
            throw ConfigurationError(problems: reader.problems.sorted(by: Self.precedes))
        }
        entries = draft.sync.entries
        hooks = draft.sync.hooks
        cache = draft.cache
        registries = draft.registries
        lifecycle = draft.lifecycle
        warnings = reader.warnings.sorted(by: Self.precedes)
        directory = Self.directory(of: file)
    }

    /// A path of the file as seen from the working directory: relative ones lie beside the configuration file.
    package func resolve(_ path: String) -> String {
        path.hasPrefix("/") || directory == "." ? path : "\(directory)/\(path)"
    }

    private static func directory(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "." }
        return slash == file.startIndex ? "" : String(file[..<slash])
    }

    private static func precedes(_ left: ConfigurationProblem, _ right: ConfigurationProblem) -> Bool {
        (left.position, left.path, left.message) < (right.position, right.path, right.message)
    }
}

/// What the sections of the document came to, before they become a ``Configuration``.
struct ConfigurationDraft {
    var sync: (entries: [Configuration.Entry], hooks: [Hook])
    var cache: CacheOptions
    var registries: [RegistryHost: RegistryOptions]
    var lifecycle: LifecycleOptions
}
