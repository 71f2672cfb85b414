import OCI

/// What a visitor of the page asked for.
struct PageQuery: Hashable, Sendable {
    /// What is looked for at most, in characters.
    static let longestSearch = 200

    /// As it is shown again; empty when nothing is looked for.
    let search: String
    /// From 1.
    let page: Int
    /// The name of the repository that is looked at alone.
    let repository: String?
    /// What must all be found, in lower case.
    private let terms: [[UInt8]]

    /// - Parameter query: the parameters, decoded; of one that is given twice the first counts.
    init(_ query: [(name: String, value: String)]) {
        let value = { (name: String) in query.first { $0.name == name }?.value }
        // A form sends a plus for a space; neither occurs in names.
        let words = (value("q") ?? "").prefix(Self.longestSearch).split { $0 == "+" || $0.isWhitespace }
        search = words.joined(separator: " ")
        terms = words.map { $0.utf8.map(\.lowercased) }
        page = value("page").flatMap { Int($0) }.map { max(1, $0) } ?? 1
        repository = value("repository").flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The images of a repository that match, with their tags that do; `nil` when nothing does.
    ///
    /// Each term must be part of the name or of `name:tag`, upper and lower case being alike.
    func matching(_ repository: PageSnapshot.Repository) -> PageSnapshot.Repository? {
        var text = repository.name.utf8.map(\.lowercased)
        let rest = terms.filter { !text.contains($0) }
        guard !rest.isEmpty else { return repository }
        text.append(UInt8(ascii: ":"))
        let nameLength = text.count
        let images = repository.images.compactMap { image -> PageSnapshot.Image? in
            let tags = image.tags.filter { tag in
                text.removeSubrange(nameLength...)
                for byte in tag.description.utf8 { text.append(byte.lowercased) }
                return rest.allSatisfy { text.contains($0) }
            }
            return tags.isEmpty ? nil : image.with(tags)
        }
        guard !images.isEmpty else { return nil }
        return PageSnapshot.Repository(reference: repository.reference, name: repository.name, images: images)
    }

    /// The address of a page.
    static func link(repository: String? = nil, search: String = "", page: Int = 1) -> String {
        var query: [String] = []
        if let repository {
            // A slash may stand in a query (RFC 3986, 3.4), and is easier to read.
            let name = repository.split(separator: "/").map(PercentEncoding.encoded).joined(separator: "/")
            query.append("repository=\(name)")
        }
        if !search.isEmpty { query.append("q=\(PercentEncoding.encoded(search))") }
        if page > 1 { query.append("page=\(page)") }
        return query.isEmpty ? "/" : "/?\(query.joined(separator: "&"))"
    }
}

extension PageSnapshot.Image {
    fileprivate func with(_ tags: [TagName]) -> PageSnapshot.Image {
        PageSnapshot.Image(
            digest: digest,
            tags: tags,
            uniqueBytes: uniqueBytes,
            sharedBytes: sharedBytes,
            lastUse: lastUse
        )
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
