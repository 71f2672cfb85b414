import OCI

extension FieldReader {
    /// Reads `sync`.
    ///
    /// No entries at all are a problem: a run that mirrors nothing would report success for ever.
    mutating func readSync(_ field: Field) -> (entries: [Configuration.Entry], hooks: [Hook])? {
        guard let fields = mapping(field, keys: ["platforms", "hooks", "entries"]) else { return nil }
        let hooks = readHooks(fields["hooks"])
        let platforms = platforms(fields["platforms"]) ?? []
        let list = list(fields["entries"], example: "'- source: …'")
        if fields["entries"] == nil {
            fail(field, "the key 'entries' is missing; it lists what to mirror")
        } else if list.isEmpty, let entries = fields["entries"], case .sequence = entries.node.content {
            fail(entries, "must list at least one entry")
        }
        var entries: [(entry: Configuration.Entry, field: Field)] = []
        for element in list {
            if let entry = readEntry(element, defaultPlatforms: platforms) { entries.append((entry, element)) }
        }
        refuseSharedTargets(entries)
        return (entries.map(\.entry), hooks)
    }

    /// `hooks`, of an entry or of all.
    mutating func readHooks(_ field: Field?) -> [Hook] {
        guard let field, let fields = mapping(field, keys: ["post_sync"]) else { return [] }
        var hooks: [Hook] = []
        for element in list(fields["post_sync"], example: "'- cmd: …'") {
            guard let hook = mapping(element, keys: ["cmd", "timeout", "continue_on_error"]) else { continue }
            let command = required("cmd", of: hook) { $0.string($1) }
            let timeout = timeout(hook["timeout"]) ?? Hook.defaultTimeout
            let continues = bool(hook["continue_on_error"]) ?? false
            if let command { hooks.append(Hook(command: command, timeout: timeout, continuesOnError: continues)) }
        }
        return hooks
    }

    /// A field without which its mapping means nothing.
    mutating func required<T>(_ key: String, of fields: Fields, _ read: (inout FieldReader, Field) -> T?) -> T? {
        guard let field = fields[key] else {
            fail(fields.mapping, "the key '\(key)' is missing")
            return nil
        }
        return read(&self, field)
    }

    /// Two fixed tags that would be written to the same place, told before either is.
    ///
    /// A tag that `os_normalize` may rename is left to the run, which knows its name.
    private mutating func refuseSharedTargets(_ entries: [(entry: Configuration.Entry, field: Field)]) {
        var writers: [String: Field] = [:]
        for (entry, field) in entries {
            guard case .tag(let tag) = entry.selection else { continue }
            let isRenamed = entry.normalizesOS && OSVariantTag(tag).kind != .stays
            let place = "\(entry.target):\(tag)\(isRenamed ? " renamed" : "")"
            if let first = writers[place] {
                let target = "\(entry.target):\(tag)".displaySafe
                fail(field, "writes \(target), which \(first.path) on line \(first.position.line) writes already")
            } else {
                writers[place] = field
            }
        }
    }
}
