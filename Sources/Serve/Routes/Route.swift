/// What a path asks for.
///
/// OCI distribution-spec 1.1.1, "Endpoints". Names may hold the words of other routes, so paths are read from the right.
enum Route: Hashable, Sendable {
    case ping
    case catalog
    case tags(name: [String])
    case manifest(name: [String], reference: String)
    case blob(name: [String], digest: String)
    case referrers(name: [String], digest: String)
    /// Where blobs are pushed to; all of it is refused.
    case uploads
    case health
    case readiness
    case metrics
    /// For people.
    case page

    /// - Returns: `nil` for a path that leads nowhere.
    init?(_ components: [String]) {
        guard components.first == "v2" else {
            guard components.count == 1 else { return nil }
            switch components[0] {
            case "": self = .page
            case "healthz": self = .health
            case "readyz": self = .readiness
            case "metrics": self = .metrics
            default: return nil
            }
            return
        }
        let rest = Array(components.dropFirst())
        switch (rest.count, rest.last) {
        case (0, _), (1, ""): self = .ping
        case (1, "_catalog"): self = .catalog
        default:
            guard let route = Route(repositoryPath: rest) else { return nil }
            self = route
        }
    }

    private init?(repositoryPath path: [String]) {
        guard path.count >= 3, let last = path.last else { return nil }
        let name = Array(path.dropLast(2))
        switch path[path.count - 2] {
        case "tags" where last == "list": self = .tags(name: name)
        case "manifests": self = .manifest(name: name, reference: last)
        case "blobs" where last == "uploads": self = .uploads
        case "blobs": self = .blob(name: name, digest: last)
        case "referrers": self = .referrers(name: name, digest: last)
        case "uploads" where path.count >= 4 && path[path.count - 3] == "blobs": self = .uploads
        default: return nil
        }
    }

    /// Its name in the metrics.
    enum Label: Int, CaseIterable {
        // In the order of their names, as they are told.
        case blob, catalog, healthz, manifest, metrics, none, page, ping, readyz, referrers, tags, uploads
    }

    var label: Label {
        switch self {
        case .ping: .ping
        case .catalog: .catalog
        case .tags: .tags
        case .manifest: .manifest
        case .blob: .blob
        case .referrers: .referrers
        case .uploads: .uploads
        case .health: .healthz
        case .readiness: .readyz
        case .metrics: .metrics
        case .page: .page
        }
    }

    /// Whether it is answered to everybody.
    var isOpen: Bool { self == .health || self == .readiness }
}
