package import OCI

/// Which requests a scripted action is for.
package struct RequestMatch: Sendable {
    /// What is asked of a request's path.
    package enum Path: Sendable, ExpressibleByStringLiteral {
        case any
        case exactly(String)
        /// The path contains the text; a string literal means this.
        case containing(String)
        case blob(Digest)
        /// Any blob, but no upload.
        case blobs
        /// Any manifest or index.
        case manifests
        case manifest(String)
        case tags
        case uploads
        case token

        package init(stringLiteral text: String) { self = .containing(text) }
    }

    let method: String?
    let path: Path
    let times: Int?
    let after: Int
    let authorizedOnly: Bool
    let condition: @Sendable (RecordedRequest) -> Bool

    /// Chooses requests.
    ///
    /// - Parameters:
    ///   - method: `nil` means any.
    ///   - path: what is asked of the path.
    ///   - times: how many requests at most; `nil` means always.
    ///   - after: how many matching requests pass untouched before.
    ///   - authorizedOnly: whether requests that lack authorization are left to the registry, which answers 401.
    ///   - condition: what else must hold.
    package init(
        _ method: String? = nil,
        _ path: Path = .any,
        times: Int? = 1,
        after: Int = 0,
        authorizedOnly: Bool = true,
        where condition: @escaping @Sendable (RecordedRequest) -> Bool = { _ in true }
    ) {
        self.method = method
        self.path = path
        self.times = times
        self.after = after
        self.authorizedOnly = authorizedOnly
        self.condition = condition
    }

    func matches(_ request: RecordedRequest) -> Bool {
        (method == nil || method == request.method) && path.matches(request.path) && condition(request)
    }
}

extension RequestMatch.Path {
    func matches(_ path: String) -> Bool {
        switch self {
        case .any: true
        case .exactly(let text): path == text
        case .containing(let text): path.contains(text)
        case .blob(let digest): path.hasSuffix("/blobs/\(digest)")
        case .blobs: path.contains("/blobs/") && !path.contains("/blobs/uploads")
        case .manifests: path.contains("/manifests/")
        case .manifest(let reference): path.hasSuffix("/manifests/\(reference)")
        case .tags: path.hasSuffix("/tags/list")
        case .uploads: path.contains("/blobs/uploads")
        case .token: path == "/token"
        }
    }
}
