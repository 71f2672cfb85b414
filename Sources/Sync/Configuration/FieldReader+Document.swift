extension FieldReader {
    /// Keys that belong to sibling tools; whatever they hold is ignored.
    private static let foreignKeys = ["build", "retention", "status"]

    /// The whole document; `nil` when it cannot be read any further.
    mutating func readDocument(_ yaml: String) -> ConfigurationDraft? {
        do throws(YAMLFailure) {
            let document = try YAMLDocument(yaml)
            for duplicate in document.duplicates { fail(at: duplicate.position, duplicate.path, duplicate.message) }
            guard let root = document.root, !root.isNull else {
                fail(at: .start, "", "the document is empty; expected a mapping with the key 'sync'")
                return nil
            }
            return readRoot(Field(node: root, path: ""))
        } catch {
            fail(at: error.position, error.path, error.message)
            return nil
        }
    }

    private mutating func readRoot(_ field: Field) -> ConfigurationDraft? {
        let known = ["sync", "cache", "registries", "registry", "lifecycle"]
        guard let root = mapping(field, keys: known + Self.foreignKeys) else { return nil }
        if root["sync"] == nil {
            fail(field, "the key 'sync' is missing; it holds the entries to mirror")
        }
        let sync = root["sync"].flatMap { readSync($0) }
        let cache = root["cache"].map { readCache($0) } ?? CacheOptions()
        let lifecycle = root["lifecycle"].map { readLifecycle($0) } ?? LifecycleOptions()
        var registries = root["registries"].map { readRegistries($0) } ?? [:]
        for host in root["registry"].map({ readPlainHosts($0) }) ?? [] {
            registries[host, default: RegistryOptions()].isPlainHTTP = true
        }
        guard let sync else { return nil }
        return ConfigurationDraft(sync: sync, cache: cache, registries: registries, lifecycle: lifecycle)
    }

    private mutating func readCache(_ field: Field) -> CacheOptions {
        guard let fields = mapping(field, keys: ["path", "max_size", "min_free"]) else { return CacheOptions() }
        return CacheOptions(
            path: string(fields["path"]),
            maximumSize: byteSize(fields["max_size"]),
            minimumFree: byteSize(fields["min_free"])
        )
    }

    private mutating func readLifecycle(_ field: Field) -> LifecycleOptions {
        var options = LifecycleOptions()
        guard let fields = mapping(field, keys: ["eol_provider", "eol_data_file", "eol_url"]) else { return options }
        options.provider = word(fields["eol_provider"], LifecycleOptions.Provider.self) ?? options.provider
        options.dataFile = string(fields["eol_data_file"]) ?? options.dataFile
        options.baseURL = baseURL(fields["eol_url"])
        return options
    }
}
