package import OCI

/// What a member of an archive may be called; everything else is refused.
///
/// `oci-layout`, `index.json`, `manifest.json`, `imglife.json`, `repositories`, `blobs/<algorithm>/<hex>`,
/// `parts/<algorithm>/<hex>/<eight digits>`, and the directories these are in. A name never becomes a path.
package enum ArchiveEntryName: Hashable, Sendable {
    /// `oci-layout`: OCI image-spec 1.1.1, "OCI Image Layout".
    case layout
    /// `index.json`, of the same layout.
    case index
    /// `manifest.json`, which `docker save` writes and `docker load` reads.
    case dockerManifest
    /// `repositories`, which older `docker save` writes; says nothing that `manifest.json` does not.
    case dockerRepositories
    /// `imglife.json`: ``ArchiveDocument``.
    case document
    /// A directory; without meaning.
    case directory(String)
    /// A whole blob.
    case blob(Digest)
    /// A part of a blob, by its place among the blob's parts.
    case part(Digest, index: Int)

    /// The largest place of a part.
    package static let maximumPartIndex = 99_999_999

    /// Parses a member's name; one leading `./`, as `tar -C layout -c .` writes it, and a directory's trailing `/` are
    /// left off first.
    ///
    /// - Throws: ``DocumentError`` (`structure`) for every other name.
    package init(_ text: some StringProtocol) throws(DocumentError) {
        guard let name = Self.parse(text) else {
            throw DocumentError(.structure, "the member '\(text.displaySafe)' has no place in an image archive")
        }
        self = name
    }

    private static func parse(_ text: some StringProtocol) -> ArchiveEntryName? {
        var rest = Array(text.utf8)[...]
        if rest.starts(with: "./".utf8) { rest = rest.dropFirst(2) }
        if rest.isEmpty || rest.elementsEqual(".".utf8) { return text.isEmpty ? nil : .directory(".") }
        let isDirectory = rest.last == UInt8(ascii: "/")
        if isDirectory { rest = rest.dropLast() }
        let pieces = rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard rest.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        if let directory = directory(pieces) { return directory }
        return isDirectory ? nil : file(pieces)
    }

    private static func directory(_ pieces: [String]) -> ArchiveEntryName? {
        let isAlgorithm = pieces.count > 1 && Digest.Algorithm(rawValue: pieces[1]) != nil
        switch (pieces[0], pieces.count) {
        case ("blobs", 1), ("parts", 1): break
        case ("blobs", 2) where isAlgorithm, ("parts", 2) where isAlgorithm: break
        case ("parts", 3) where (try? Digest("\(pieces[1]):\(pieces[2])")) != nil: break
        default: return nil
        }
        return .directory(pieces.joined(separator: "/"))
    }

    private static func file(_ pieces: [String]) -> ArchiveEntryName? {
        switch (pieces[0], pieces.count) {
        case ("oci-layout", 1): .layout
        case ("index.json", 1): .index
        case ("manifest.json", 1): .dockerManifest
        case ("repositories", 1): .dockerRepositories
        case ("imglife.json", 1): .document
        case ("blobs", 3): (try? Digest("\(pieces[1]):\(pieces[2])")).map { .blob($0) }
        case ("parts", 4): part(pieces)
        default: nil
        }
    }

    private static func part(_ pieces: [String]) -> ArchiveEntryName? {
        guard let digest = try? Digest("\(pieces[1]):\(pieces[2])"), pieces[3].utf8.count == 8,
            pieces[3].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let index = Int(pieces[3])
        else { return nil }
        return .part(digest, index: index)
    }
}

extension ArchiveEntryName: CustomStringConvertible {
    /// The name as it stands in the archive; a directory's without the trailing `/`.
    package var description: String {
        switch self {
        case .layout: "oci-layout"
        case .index: "index.json"
        case .dockerManifest: "manifest.json"
        case .dockerRepositories: "repositories"
        case .document: "imglife.json"
        case .directory(let path): path
        case .blob(let digest): "blobs/\(digest.algorithm.rawValue)/\(digest.hex)"
        case .part(let digest, let index): "parts/\(digest.algorithm.rawValue)/\(digest.hex)/\(Self.digits(index))"
        }
    }

    private static func digits(_ index: Int) -> String {
        let text = String(index)
        return String(repeating: "0", count: max(0, 8 - text.utf8.count)) + text
    }
}
