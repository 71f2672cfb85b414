import OCI

/// Answers that are the same whatever the content.
extension Response {
    /// What is named by its digest never changes.
    static let immutable = "max-age=31536000, immutable"

    static let ping = Response(200, [("Docker-Distribution-API-Version", "registry/2.0")], json: "{}")
    static let notFound = Response(404, .nameUnknown, "there is nothing at this path")
    static let loop = Response(
        508,
        .unknown,
        "this server is its own upstream: a mirror or a registry of its configuration leads back to it"
    )
    static let unexpected = Response(417, .unsupported, "only '100-continue' can be expected")
    static let readOnly = Response(
        405,
        .unsupported,
        "this registry is read-only: it answers GET and HEAD",
        [("Allow", "GET, HEAD")]
    )
    static let unauthorized = Response(
        401,
        .unauthorized,
        "a user name and a password are required",
        [
            ("WWW-Authenticate", "Basic realm=\"imglife\", charset=\"UTF-8\""),
            ("Docker-Distribution-API-Version", "registry/2.0"),
        ]
    )

    static func invalidDigest(_ text: String) -> Response {
        Response(400, .digestInvalid, "'\(text.displaySafe)' is not a digest such as sha256:<64 hex digits>")
    }

    /// The answer to a name that leads to no repository.
    init(_ error: AddressError) {
        switch error {
        case .invalidName(let name):
            self.init(400, .nameInvalid, "'\(name.displaySafe)' is not the name of a repository")
        case .unknownHost(let host):
            self.init(
                404,
                .nameUnknown,
                "the registry '\(host.displaySafe)' is not served here; it is neither in the configuration nor in the cache"
            )
        }
    }
}
