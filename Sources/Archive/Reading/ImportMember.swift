import OCI

/// What a member of an archive is to an import.
///
/// No name becomes a path: digests come out of names by their grammar, and docker's names are keys of a table.
enum ImportMember: Hashable {
    case layout
    case index
    case document
    case dockerManifest
    case blob(Digest)
    case part(Digest, index: Int)
    /// A config or layer as `docker save` and `podman save` write them, under a name that `manifest.json` gives.
    case dockerFile(String)
    /// A layer that is the same as another one's.
    case dockerLink(String, target: String)
    /// Without meaning here: a directory, or what `docker save` writes for docker 1.9.
    case ignored

    init(_ member: TarMember) throws(ArchiveRefusal) {
        let name = member.name.hasPrefix("./") ? String(member.name.dropFirst(2)) : member.name
        switch member.kind {
        case .directory:
            try Self.checkPath(member.name)
            self = .ignored
        case .symbolicLink(let target):
            guard DockerName(name) == .layer, let resolved = DockerName.resolve(target) else {
                throw ArchiveRefusal(member.name, "is a symbolic link to '\(target.displaySafe)'")
            }
            self = .dockerLink(name, target: resolved)
        case .file:
            guard let file = Self.file(name) else { throw Self.refusal(member.name) }
            self = file
        }
    }

    private static func file(_ name: String) -> ImportMember? {
        if let docker = DockerName(name) { return docker == .ignored ? .ignored : .dockerFile(name) }
        guard let entry = try? ArchiveEntryName(name), entry.description == name else { return nil }
        return switch entry {
        case .layout: .layout
        case .index: .index
        case .document: .document
        case .dockerManifest: .dockerManifest
        case .dockerRepositories: .ignored
        case .blob(let digest): .blob(digest)
        case .part(let digest, let index): .part(digest, index: index)
        case .directory: nil
        }
    }

    private static func refusal(_ name: String) -> ArchiveRefusal {
        do {
            try checkPath(name)
        } catch {
            return error
        }
        let lowered = name.lowercased()
        if lowered != name, file(lowered) != nil {
            return ArchiveRefusal(name, "differs from '\(lowered.displaySafe)' in upper and lower case only")
        }
        return ArchiveRefusal(name, "has no place in an image archive")
    }

    private static func checkPath(_ name: String) throws(ArchiveRefusal) {
        guard !name.hasPrefix("/") else { throw ArchiveRefusal(name, "has an absolute name") }
        guard !name.split(separator: "/").contains("..") else {
            throw ArchiveRefusal(name, "has a name that leads out of the archive")
        }
    }
}

/// The names that `docker save` (before version 25), `podman save`, jib, rules_oci and their like give to members.
enum DockerName: Hashable {
    /// `<hex>.json`, `sha256:<hex>`; `config.json` of jib and Guix.
    case config
    /// `<hex>/layer.tar`, `<hex>.tar`, `<hex>.tar.gz`; `blobs/<algorithm>/<hex>.tar.gz` of rules_oci.
    case layer
    /// `<hex>/json`, `<hex>/VERSION`.
    case ignored

    init?(_ name: String) {
        if name == "config.json" {
            self = .config
            return
        }
        if name.hasPrefix("blobs/"), name.hasSuffix(".tar.gz") {
            guard case .blob? = try? ArchiveEntryName(name.dropLast(7)) else { return nil }
            self = .layer
            return
        }
        if name.hasPrefix("sha256:") {
            guard (try? Digest(name)) != nil else { return nil }
            self = .config
            return
        }
        guard (try? Digest("sha256:\(name.prefix(64))")) != nil else { return nil }
        switch name.dropFirst(64) {
        case ".json": self = .config
        case "/layer.tar", ".tar", ".tar.gz": self = .layer
        case "/json", "/VERSION": self = .ignored
        default: return nil
        }
    }

    /// The member that a link from `<hex>/layer.tar` means; `nil` when it is no layer of the same archive.
    static func resolve(_ target: String) -> String? {
        guard target.hasPrefix("../") else { return nil }
        let name = String(target.dropFirst(3))
        return DockerName(name) == .layer ? name : nil
    }
}
