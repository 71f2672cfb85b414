/// What names one manifest within a repository.
package enum Reference: Hashable, Sendable, CustomStringConvertible {
    case tag(TagName)
    case digest(Digest)

    /// As it stands in a manifest's URL.
    package var description: String {
        switch self {
        case .tag(let tag): tag.description
        case .digest(let digest): digest.description
        }
    }
}

/// A repository and the registry that holds it: `registry.example.com/mirrors/alpine`.
package struct RepositoryReference: Hashable, Sendable, CustomStringConvertible {
    package let host: RegistryHost
    package let repository: RepositoryName

    package init(host: RegistryHost, repository: RepositoryName) {
        self.host = host
        self.repository = repository
    }

    package var description: String { "\(host)/\(repository)" }

    /// The same repository, by its host's shortest name.
    package var withoutUsualPort: RepositoryReference {
        RepositoryReference(host: host.withoutUsualPort, repository: repository)
    }

    /// How a server of many hosts lists it.
    package var listedName: String { "\(host.listedName)/\(repository)" }
}

extension RepositoryReference: Comparable {
    package static func < (left: RepositoryReference, right: RepositoryReference) -> Bool {
        left.description.utf8.lexicographicallyPrecedes(right.description.utf8)
    }
}

/// A reference as people write it: `[host[:port]/]repository[:tag][@digest]`.
///
/// The rules of `docker pull`: the first component is a host when it holds a `.` or a `:`, is `localhost`, or has
/// upper-case letters (refused where it could not be told from a repository in lower case); otherwise the host is Docker Hub, where a single component means `library/…`. When both a tag
/// and a digest are given, the digest decides and the tag is a label.
package struct ImageReference: Hashable, Sendable {
    package let location: RepositoryReference
    package let tag: TagName?
    package let digest: Digest?

    package init(location: RepositoryReference, tag: TagName? = nil, digest: Digest? = nil) {
        self.location = location
        self.tag = tag
        self.digest = digest
    }

    package init(_ text: some StringProtocol) throws(ReferenceError) {
        guard !text.isEmpty else { throw ReferenceError(.reference, text, "it is empty") }
        try RepositoryReference.refuseScheme(text)
        var rest = String(text)[...]
        var digest: Digest?
        // By bytes: there may be hundreds of thousands, and nothing of the grammar is more than one.
        if let at = rest.utf8.firstIndex(of: UInt8(ascii: "@")) {
            digest = try Digest(rest[rest.utf8.index(after: at)...])
            rest = rest[..<at]
        }
        var tag: TagName?
        if let colon = rest.utf8.lastIndex(of: UInt8(ascii: ":")), !rest[colon...].hasSlash,
            rest[..<colon].hasSlash || !Self.isHostWithPort(rest)
        {
            tag = try TagName(rest[rest.utf8.index(after: colon)...])
            rest = rest[..<colon]
        }
        self.init(location: try RepositoryReference(withoutScheme: rest), tag: tag, digest: digest)
    }

    /// A repository and what is asked for of it.
    package init(location: RepositoryReference, reference: Reference) {
        switch reference {
        case .tag(let tag): self.init(location: location, tag: tag)
        case .digest(let digest): self.init(location: location, digest: digest)
        }
    }

    /// What the reference asks for; `nil` when it names the repository alone.
    package var reference: Reference? {
        digest.map(Reference.digest) ?? tag.map(Reference.tag)
    }

    /// `localhost:5000` alone is a host without a repository, while `alpine:3` and `my.image:latest` have a tag.
    private static func isHostWithPort(_ text: some StringProtocol) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty, parts[1].utf8.allSatisfy(\.isDigit) else { return false }
        return parts[0] == "localhost" || parts[0].contains(".")
    }
}

extension ImageReference: CustomStringConvertible {
    package var description: String {
        location.description + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }
}

extension RepositoryReference {
    /// Parses `[host[:port]/]repository` by the rules of ``ImageReference``.
    package init(_ text: String) throws(ReferenceError) {
        try Self.refuseScheme(text)
        try self.init(withoutScheme: text[...])
    }

    fileprivate init(withoutScheme text: Substring) throws(ReferenceError) {
        let (hostText, path) = Self.split(text)
        guard let path, !path.isEmpty else {
            throw ReferenceError(.reference, text, "a repository is missing after the host")
        }
        let host = try hostText.map { text throws(ReferenceError) in try RegistryHost(text) } ?? .dockerHub
        // `Registry/x` means a host to docker. In lower case it would read as a repository of Docker Hub.
        guard hostText == nil || Self.isHost(Substring(host.description)) else {
            throw ReferenceError(
                .reference,
                text,
                "write the host '\(host)' with a port, such as \(host):443, or the repository in lower case"
            )
        }
        let isShort = host == .dockerHub && !path.hasSlash
        self.init(host: host, repository: try RepositoryName(isShort ? "library/\(path)" : String(path)))
    }

    fileprivate static func refuseScheme(_ text: some StringProtocol) throws(ReferenceError) {
        var rest = text.utf8[...]
        while let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
            guard !rest[colon...].starts(with: "://".utf8) else {
                throw ReferenceError(.reference, text, "write it without a scheme such as https://")
            }
            rest = rest[colon...].dropFirst()
        }
    }

    private static func split(_ text: Substring) -> (host: Substring?, path: Substring?) {
        guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else {
            let isHost = text == "localhost" || text.utf8.contains(UInt8(ascii: ":"))
            return isHost ? (text, nil) : (nil, text)
        }
        let first = text[..<slash]
        return Self.isHost(first) ? (first, text[text.utf8.index(after: slash)...]) : (nil, text)
    }

    private static func isHost(_ component: Substring) -> Bool {
        component == "localhost"
            || component.utf8.contains { byte in
                byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
                    || byte.isAlphanumeric && !byte.isLowerAlphanumeric
            }
    }
}

extension Substring {
    fileprivate var hasSlash: Bool { utf8.contains(UInt8(ascii: "/")) }
}
