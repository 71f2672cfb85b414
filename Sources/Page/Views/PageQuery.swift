import OCI

/// What a visitor of the page asked for.
struct PageQuery: Hashable, Sendable {
    /// What is looked for at most, in characters.
    static let longestSearch = 200

    /// An order of repositories, or of a repository's images.
    enum Order: String, CaseIterable, Sendable {
        /// Repositories by name, images by version; the newest first.
        case name
        case tags
        case size
        case used
    }

    /// As it is shown again; empty when nothing is looked for.
    var search = ""
    /// From 1.
    var page = 1
    var order = Order.name
    /// The name of the repository that is looked at alone.
    var repository: String?
    /// The tag or digest in it that is looked at alone.
    var image: String?
    /// What must all be found, in lower case.
    private var terms: [[UInt8]] = []

    /// - Parameter query: the parameters, decoded; of one that is given twice the first counts.
    init(_ query: [(name: String, value: String)] = []) {
        let value = { (name: String) in query.first { $0.name == name }.flatMap { $0.value.isEmpty ? nil : $0.value } }
        // A form sends a plus for a space; neither occurs in names.
        let words = (value("q") ?? "").prefix(Self.longestSearch).split { $0 == "+" || $0.isWhitespace }
        search = words.joined(separator: " ")
        terms = words.map { $0.utf8.map(\.lowercased) }
        page = value("page").flatMap { Int($0) }.map { max(1, $0) } ?? 1
        order = value("sort").flatMap(Order.init) ?? .name
        repository = value("repository")
        image = value("tag") ?? value("digest")
    }

    /// Whether platforms have to be known to answer: something that is looked for may be one.
    var asksForPlatforms: Bool {
        terms.contains { term in
            term.contains(UInt8(ascii: "/")) || Self.architectures.contains { $0.utf8.elementsEqual(term) }
        }
    }

    private static let architectures = [
        "386", "amd64", "arm", "arm64", "linux", "loong64", "mips64le", "ppc64le", "riscv64", "s390x", "wasm",
        "windows",
    ]

    /// The images of a repository that match, with their tags that do; `nil` when nothing does.
    ///
    /// Each term must be part of the name, of `name:tag`, or of the image's digest, or be one of its platforms, upper and
    /// lower case being alike.
    func matching(
        _ repository: PageSnapshot.Repository,
        _ platforms: (Digest) -> [Platform] = { _ in [] }
    ) -> PageSnapshot.Repository? {
        var text = repository.name.utf8.map(\.lowercased)
        let rest = terms.filter { !text.contains($0) }
        guard !rest.isEmpty else { return repository }
        text.append(UInt8(ascii: ":"))
        let nameLength = text.count
        let images = repository.images.compactMap { image -> PageSnapshot.Image? in
            let rest = rest.filter { !Self.isTold($0, of: image, platforms) }
            let tags = image.tags.filter { tag in
                text.removeSubrange(nameLength...)
                for byte in tag.description.utf8 { text.append(byte.lowercased) }
                return rest.allSatisfy { text.contains($0) }
            }
            guard !tags.isEmpty || rest.isEmpty else { return nil }
            var found = image
            found.tags = tags
            return found
        }
        guard !images.isEmpty else { return nil }
        return PageSnapshot.Repository(reference: repository.reference, name: repository.name, images: images)
    }

    /// Whether a term is what an image itself says: a part of its digest, or a platform.
    private static func isTold(
        _ term: [UInt8],
        of image: PageSnapshot.Image,
        _ platforms: (Digest) -> [Platform]
    ) -> Bool {
        // Less than that is in every digest, and may be a version.
        if term.count >= 6, Array(image.digest.description.utf8).contains(term) { return true }
        return platforms(image.digest).contains { platform in
            let text = "\(platform)".utf8.map(\.lowercased)
            return text == term || text.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual(term) }
                || text.starts(with: term + [UInt8(ascii: "/")])
        }
    }

    /// The address of what is asked for, relative to the page's own: so a proxy can put it below any path.
    var link: String {
        var query: [String] = []
        if let repository {
            // A slash may stand in a query (RFC 3986, 3.4), and is easier to read.
            let name = repository.split(separator: "/").map(PercentEncoding.encoded).joined(separator: "/")
            query.append("repository=\(name)")
        }
        if let image { query.append("\(image.contains(":") ? "digest" : "tag")=\(image)") }
        if !search.isEmpty { query.append("q=\(PercentEncoding.encoded(search))") }
        if order != .name { query.append("sort=\(order.rawValue)") }
        if page > 1 { query.append("page=\(page)") }
        return query.isEmpty ? "./" : "?\(query.joined(separator: "&"))"
    }

    /// The same at another page, or in another order.
    func at(page: Int = 1, in order: Order? = nil) -> PageQuery {
        var query = self
        query.page = page
        query.order = order ?? self.order
        return query
    }

    /// The address of one image: by tag, or by digest.
    static func link(to image: String, of repository: String) -> String {
        var query = PageQuery()
        query.repository = repository
        query.image = image
        return query.link
    }
}

extension UInt8 {
    fileprivate var lowercased: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
}

extension [UInt8] {
    fileprivate func contains(_ needle: [UInt8]) -> Bool {
        guard let first = needle.first else { return true }
        guard count >= needle.count else { return false }
        return withUnsafeBufferPointer { text in
            (0...text.count - needle.count).contains { start in
                text[start] == first && text[start..<start + needle.count].elementsEqual(needle)
            }
        }
    }
}
