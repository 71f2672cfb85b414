import OCI
import Sync

/// What a conversion has found: entries, settings of registries and words about the rest, in the files' order.
struct Mirror {
    /// What stands in `sync.entries`.
    enum Item {
        case entry(MirrorEntry)
        /// Something that cannot be an entry; comments stand in its place.
        case note([String])
    }

    var comments: [String] = []
    var items: [Item] = []
    private(set) var registries: [(host: RegistryHost, settings: RegistrySettings)] = []

    var entries: [MirrorEntry] {
        items.compactMap { if case .entry(let entry) = $0 { entry } else { nil } }
    }

    mutating func note(_ comment: String) {
        note([comment])
    }

    mutating func note(_ comments: [String]) {
        items.append(.note(comments))
    }

    mutating func add(_ entry: MirrorEntry) {
        items.append(.entry(entry))
    }

    /// The settings of a host, to be changed in place.
    mutating func registry(_ host: RegistryHost, _ change: (inout RegistrySettings) -> Void) {
        if let index = registries.firstIndex(where: { $0.host == host }) {
            change(&registries[index].settings)
        } else {
            var settings = RegistrySettings()
            change(&settings)
            registries.append((host, settings))
        }
    }

    mutating func append(_ other: Mirror) {
        for comment in other.comments where !comments.contains(comment) { comments.append(comment) }
        items += other.items
        for (host, settings) in other.registries { registry(host) { $0.merge(settings) } }
    }
}

extension [String] {
    /// Adds the platforms of the same image elsewhere; none are all of them.
    mutating func formUnion(platforms others: [String]) {
        guard !isEmpty, !others.isEmpty else { return removeAll() }
        for platform in others where !contains(platform) { append(platform) }
    }
}

/// An entry to be written.
struct MirrorEntry {
    /// Which tags.
    enum Selection: Hashable {
        case tag(TagName)
        /// RE2, with what is left out of its matches.
        case pattern(String, excluding: String?)
    }

    var comments: [String] = []
    var source: RepositoryReference
    var target: RepositoryReference
    var selection: Selection
    var checksDigest = true
    var platforms: [String] = []
    var includesReferrers = false

    /// Why the program would refuse it; `nil` for an entry that is fine.
    var fault: String? {
        if source == target { return "source and target are the same" }
        for platform in platforms where (try? PlatformPattern(platform)) == nil {
            return "'\(platform.displayedWithoutSecrets)' is no platform"
        }
        guard case .pattern(let pattern, let exclusion) = selection else { return nil }
        if [pattern, exclusion ?? ""].contains(where: { $0.utf8.contains(0x0A) }) {
            return "its expression has a line feed, which no tag has"
        }
        do throws(PatternError) {
            _ = try TagPattern(pattern)
            if let exclusion { _ = try TagPattern(exclusion) }
            return nil
        } catch {
            return "its expression \(error)"
        }
    }
}

/// What is said of one registry.
struct RegistrySettings {
    var comments: [String] = []
    var plainHTTP = false
    var endpoint: String?
    var maximumConnections: Int?
    var mirrors: [RegistryHost] = []

    mutating func merge(_ other: RegistrySettings) {
        for comment in other.comments where !comments.contains(comment) { comments.append(comment) }
        plainHTTP = plainHTTP || other.plainHTTP
        endpoint = endpoint ?? other.endpoint
        maximumConnections = maximumConnections ?? other.maximumConnections
        for mirror in other.mirrors where !mirrors.contains(mirror) { mirrors.append(mirror) }
    }

    /// Says where a user and password belong, without repeating them.
    mutating func addCredentials(for host: RegistryHost) {
        let name = String(
            decoding: host.description.uppercased().utf8.map { $0.isNameByte ? $0 : UInt8(ascii: "_") },
            as: UTF8.self
        )
        comments.append(
            "credentials: set IMGLIFE_\(name)_USERNAME and IMGLIFE_\(name)_PASSWORD, or use docker's config.json"
        )
    }
}
