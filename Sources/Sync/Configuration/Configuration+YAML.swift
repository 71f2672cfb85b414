import Lifecycle
package import YAML

extension Configuration {
    /// Keys that belong to sibling tools; whatever they hold is ignored.
    private static let foreignKeys = ["build", "retention", "status"]
    private static let keys = ["sync", "cache", "registries", "registry", "lifecycle"] + foreignKeys

    /// Reads a configuration.
    ///
    /// Pure: no file is opened, no host asked. At most 1 MiB, 64 levels and 100 000 nodes with all aliases expanded.
    ///
    /// - Parameters:
    ///   - yaml: the file's text.
    ///   - file: its path, as messages show it; `-` for standard input.
    ///   - needsEntries: whether it is of no use without `sync` and its entries, as to whoever copies.
    /// - Throws: every problem of the file, not only the first.
    package init(yaml: String, file: String, needsEntries: Bool = true) throws(ConfigurationError) {
        var problems: [ConfigurationProblem] = []
        self.init(yaml: yaml, file: file, needsEntries: needsEntries, noting: &problems)
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
    }

    /// Reads what can be read of a configuration, and notes every problem in the order of their positions.
    ///
    /// One with problems serves to look at what it mentions, for more of them.
    package init(yaml: String, file: String, needsEntries: Bool, noting problems: inout [ConfigurationProblem]) {
        var reader = FieldReader(file: file)
        self.init(directory: Self.directory(of: file))
        if let root = reader.document(yaml) {
            read(root, &reader, needsEntries: needsEntries)
        } else if needsEntries, reader.problems.isEmpty {
            reader.fail(at: .start, "", "the document is empty; expected a mapping with the key 'sync'")
        }
        problems += reader.problems.sorted(by: Self.precedes)
        warnings = reader.warnings.sorted(by: Self.precedes)
        mentions = reader.mentions.compactMap(Mention.init)
    }

    private mutating func read(_ field: Field, _ reader: inout FieldReader, needsEntries: Bool) {
        guard let root = reader.mapping(field, keys: Self.keys, freePrefix: "x-") else { return }
        SubstitutionHint.warn(root, except: Self.foreignKeys, &reader)
        if let sync = root["sync"] {
            readSync(sync, &reader, needsEntries: needsEntries)
        } else if needsEntries {
            reader.fail(field, "the key 'sync' is missing; it holds the entries to mirror")
        }
        cache = root["cache"].map { CacheOptions($0, &reader) } ?? cache
        lifecycle = root["lifecycle"].map { LifecycleOptions($0, &reader) } ?? lifecycle
        registries = root["registries"].map { RegistryOptions.byHost($0, &reader) } ?? [:]
        for host in root["registry"].map({ RegistryOptions.plainHosts($0, &reader) }) ?? [] {
            registries[host, default: RegistryOptions()].isPlainHTTP = true
        }
    }

    /// No entries at all are a problem of whoever copies: a run that mirrors nothing would report success for ever.
    private mutating func readSync(_ field: Field, _ reader: inout FieldReader, needsEntries: Bool) {
        guard let fields = reader.mapping(field, keys: ["entries", "platforms", "hooks"]) else { return }
        hooks = Hook.byEvent(fields["hooks"], &reader)
        let platforms = reader.platforms(fields["platforms"]) ?? []
        let list = reader.list(fields["entries"], example: "'- source: …'")
        if needsEntries, fields["entries"] == nil {
            reader.fail(field, "the key 'entries' is missing; it lists what to mirror")
        } else if needsEntries, list.isEmpty, let entries = fields["entries"], case .sequence = entries.node.content {
            reader.fail(entries, "must list at least one entry")
        }
        var read: [(entry: Entry, field: Field)] = []
        for element in list {
            if let entry = Entry(element, &reader, defaultPlatforms: platforms) { read.append((entry, element)) }
        }
        entries = read.map(\.entry)
        for conflict in FixedTagConflict.all(in: entries) {
            let first = read[conflict.first].field
            let message = conflict.message(first: first.path, line: first.position.line)
            reader.fail(read[conflict.second].field, message)
        }
    }

    private static func directory(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "." }
        return slash == file.startIndex ? "" : String(file[..<slash])
    }

    private static func precedes(_ left: ConfigurationProblem, _ right: ConfigurationProblem) -> Bool {
        (left.position, left.path, left.message) < (right.position, right.path, right.message)
    }
}
