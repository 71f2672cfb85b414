import OCI
import Sync

/// `dregsy.yaml`: tasks with a source, a target and mappings of paths.
enum DregsyFile {
    static func looksLikeOne(_ document: ForeignValue) -> Bool {
        document["tasks"]?.elements?.contains { $0["mappings"] != nil } == true
    }

    static func read(_ document: ForeignValue) -> Mirror {
        var mirror = Mirror()
        guard var root = Section(document) else { return mirror }
        let tasks = root.take("tasks")?.elements ?? []
        mirror.comments = root.leftovers([
            "relay": Section.needless, "docker": Section.needless, "lister": Section.needless,
            "watch": Section.needless,
            "skopeo": "name the authorities of its certs-dir in registries.<host>.ca_file, where there are any",
        ])
        for task in tasks {
            if task.pairs == nil { mirror.note("not converted: a task that is no mapping") }
            readTask(task, &mirror)
        }
        return mirror
    }

    private static func readTask(_ value: ForeignValue, _ mirror: inout Mirror) {
        guard var task = Section(value) else { return }
        let name = task.text("name") ?? "without a name"
        var comments = ["task \(name.displayedWithoutSecrets)"]
        if let interval = task.text("interval") {
            comments.append(
                "'interval: \(interval.displayedWithoutSecrets)': run 'imglife sync --every \(interval.displayedWithoutSecrets)s', or a timer"
            )
        }
        let source = readLocation(task.take("source"), &mirror)
        let target = readLocation(task.take("target"), &mirror)
        let mappings = task.take("mappings").map { $0.elements ?? [$0] } ?? []
        comments += task.leftovers(["verbose": Section.needless])
        guard let source, let target else {
            return mirror.note(
                "not converted: task \(name.displayedWithoutSecrets): its source and target are not two registries\(task.place)"
            )
        }
        for mapping in mappings {
            guard var mapping = DregsyMapping(mapping, from: source, to: target, comments) else {
                mirror.note(comments + ["not converted: a mapping of paths that is none"])
                continue
            }
            mapping.read(into: &mirror)
        }
    }

    private static func readLocation(_ value: ForeignValue?, _ mirror: inout Mirror) -> RegistryHost? {
        guard var section = Section(value), let name = section.text("registry"),
            let host = try? RegistryHost(name)
        else { return nil }
        mirror.registry(host) { settings in
            let secret = section.take("auth")
            if let secret, secret.text != "none" { settings.addCredentials(for: host) }
            if section.take("auth-refresh") != nil {
                settings.comments.append("'auth-refresh': use the credential helper docker-credential-ecr-login")
            }
            if section.bool("skip-tls-verify") == true {
                settings.comments.append(
                    "'skip-tls-verify: true': certificates are always checked; name the authority in ca_file, or set plain_http"
                )
            }
            settings.comments += section.leftovers(["lister": Section.needless])
        }
        return host
    }
}

/// One mapping of a task, from a path of its source to a path of its target.
private struct DregsyMapping {
    private var section: Section
    private let source: RegistryHost
    private let target: RegistryHost
    private var comments: [String]

    init?(_ value: ForeignValue, from source: RegistryHost, to target: RegistryHost, _ comments: [String]) {
        guard let section = Section(value) else { return nil }
        self.section = section
        self.source = source
        self.target = target
        self.comments = comments
    }

    mutating func read(into mirror: inout Mirror) {
        let from = section.text("from") ?? ""
        let to = section.text("to") ?? from
        guard !from.hasPrefix("regex:"), !to.hasPrefix("regex:") else {
            let words = "\(from.displayedWithoutSecrets) -> \(to.displayedWithoutSecrets)"
            return note("\(words): make an entry for each repository", &mirror)
        }
        do throws(ReferenceError) {
            let source = try location(from, source)
            let target = try location(to, target)
            var entry = MirrorEntry(source: source, target: target, selection: .pattern("", excluding: nil))
            if let platform = section.text("platform"), platform != "all" { entry.platforms = [platform] }
            guard let tags = (section.take("tags") ?? .list([])).onlyTexts else {
                return note("\(source) -> \(target): its tags are no list of texts", &mirror)
            }
            let digests = section.take("digests")?.texts ?? []
            if !digests.isEmpty {
                let list = digests.joined(separator: ", ").displayedWithoutSecrets
                comments.append("not converted: the digests \(list) of \(source); name their tags\(section.place)")
            }
            comments += section.leftovers(["preserve-digests": Section.needless])
            // Without tags beside them, dregsy copies the digests alone.
            guard digests.isEmpty || !tags.isEmpty else { return mirror.note(comments) }
            add(entry, DregsyTags(tags), to: &mirror)
        } catch {
            note("\(error)", &mirror)
        }
    }

    private func note(_ reason: String, _ mirror: inout Mirror) {
        mirror.note(comments + ["not converted: \(reason)\(section.place)"])
    }

    private func add(_ entry: MirrorEntry, _ tags: DregsyTags, to mirror: inout Mirror) {
        if let fault = tags.fault {
            return note("\(entry.source) -> \(entry.target): \(fault)", &mirror)
        }
        for selection in tags.selections {
            var entry = entry
            entry.selection = selection
            entry.comments = comments + tags.comments
            mirror.add(entry)
        }
    }

    private func location(_ path: String, _ host: RegistryHost) throws(ReferenceError) -> RepositoryReference {
        let path = path.drop { $0 == "/" }
        let isShort = host == .dockerHub && !path.contains("/")
        return RepositoryReference(
            host: host,
            repository: try RepositoryName(isShort ? "library/\(path)" : String(path))
        )
    }
}
