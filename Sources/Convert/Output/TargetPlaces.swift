import OCI

/// Where images go whose file names no target: below one prefix, by names that stay apart.
struct TargetPlaces {
    /// How a repository is named below the prefix.
    enum Naming: String, CaseIterable {
        /// Its path, without Docker Hub's `library/`: `coreos/etcd`.
        case path
        /// Its path with all of it, as image-syncer names it: `library/redis`.
        case whole
        /// The last component, as `skopeo sync` names it: `etcd`.
        case last
        /// Host and path, as `skopeo sync --scoped` names it: `quay.io/coreos/etcd`.
        case scoped
    }

    static let example = "registry.example.com/mirrors"

    let prefix: String
    /// All are named by host and path, whatever a file's tool does.
    private let isScoped: Bool
    /// Nobody named a prefix, so that the example's stands there.
    let isExample: Bool
    private let command: Conversion.Command

    /// - Throws: ``ConversionError`` for what cannot stand before a repository.
    init(
        _ prefix: String?,
        isScoped: Bool,
        for command: Conversion.Command
    ) throws(ConversionError) {
        self.command = command
        self.isScoped = isScoped
        let trimmed = String((prefix ?? Self.example).reversed().drop { $0 == "/" }.reversed())
        guard let example = try? RepositoryReference("\(trimmed)/name"), "\(example)" == "\(trimmed)/name" else {
            throw ConversionError(
                "--target: expected a registry and perhaps a path, such as \(Self.example), not '\(trimmed.displayedWithoutSecrets)'"
            )
        }
        self.prefix = trimmed
        isExample = prefix == nil
    }

    /// The word about the prefix, where it is the example's.
    var comment: String? {
        guard isExample else { return nil }
        let advice =
            switch command {
            case .convert: ", or convert again with --target"
            case .initialize: "; 'imglife init --target' writes it at once"
            }
        return "put your registry in the place of \(Self.example)\(advice)"
    }

    /// A target for each source; sources whose names would meet are told apart by their hosts.
    func targets(of sources: [RepositoryReference], _ naming: Naming) -> [RepositoryReference: RepositoryReference] {
        let naming = isScoped ? .scoped : naming
        var takers: [String: Set<RepositoryReference>] = [:]
        for source in sources { takers[name(source, naming), default: []].insert(source) }
        var targets: [RepositoryReference: RepositoryReference] = [:]
        for source in sources {
            let short = name(source, naming)
            let name = (takers[short]?.count ?? 0) > 1 ? self.name(source, .scoped) : short
            targets[source] = try? RepositoryReference("\(prefix)/\(name)")
        }
        return targets
    }

    private func name(_ source: RepositoryReference, _ naming: Naming) -> String {
        let path = source.repository.description
        switch naming {
        case .whole: return path
        case .last: return source.repository.components.last.map(String.init) ?? path
        case .path: return source.host == .dockerHub && path.hasPrefix("library/") ? String(path.dropFirst(8)) : path
        case .scoped:
            let host = String(decoding: source.host.description.utf8.map(Self.nameByte), as: UTF8.self)
            return "\(host)/\(path)"
        }
    }

    /// Ports and brackets cannot stand in a repository's name.
    private static func nameByte(_ byte: UInt8) -> UInt8 {
        byte.isNameByte || byte == UInt8(ascii: ".") ? byte : UInt8(ascii: "-")
    }
}
