/// What a request's path names.
///
/// OCI distribution-spec 1.1.1, "Endpoints".
enum Route: Hashable {
    case base
    case manifest(repository: String, reference: String)
    case blob(repository: String, digest: String)
    case uploads(repository: String)
    case upload(repository: String, id: String)
    case tags(repository: String)
    case referrers(repository: String, digest: String)
    case token
    case other

    init(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        let name: (Int) -> String = { parts.dropFirst().dropLast($0).joined(separator: "/") }
        let end = Array(parts.suffix(3))
        if parts == ["token"] {
            self = .token
        } else if parts == ["v2"] {
            self = .base
        } else if parts.first != "v2" || parts.count < 4 {
            self = .other
        } else if end[1...] == ["tags", "list"] {
            self = .tags(repository: name(2))
        } else if end[1...] == ["blobs", "uploads"] {
            self = .uploads(repository: name(2))
        } else if end[0] == "blobs", end[1] == "uploads" {
            self = .upload(repository: name(3), id: end[2])
        } else if end[1] == "manifests" {
            self = .manifest(repository: name(2), reference: end[2])
        } else if end[1] == "blobs" {
            self = .blob(repository: name(2), digest: end[2])
        } else if end[1] == "referrers" {
            self = .referrers(repository: name(2), digest: end[2])
        } else {
            self = .other
        }
    }

    var repository: String? {
        switch self {
        case .manifest(let name, _), .blob(let name, _), .uploads(let name), .upload(let name, _), .tags(let name),
            .referrers(let name, _):
            name
        case .base, .token, .other: nil
        }
    }
}
