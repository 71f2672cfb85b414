package import Archive
package import Cache
package import OCI

/// What is to be exported, as the command line says it.
package struct ExportRequest: Sendable {
    /// Which images are meant.
    package enum Wish: Sendable {
        /// A tag, or every tag of a repository that the cache holds.
        case reference(ImageReference)
        /// Every tag of the cache whose full name matches: `docker.io/library/*:3.*`.
        case glob(String)
        /// The tags that an entry of the configuration selects, by its position.
        case entry(Int)
    }

    /// Everything that the cache has a tag for, when there is none.
    package var wishes: [Wish] = []
    /// Which platforms of each image; all that it has when there is none.
    package var platforms: [PlatformPattern] = []
    package var receipts: [Receipt] = []
    /// In bytes.
    package var volumeSize: Int64?
    package var signingKey: ArchiveSigningKey?
    /// As ``ArchiveContents/isDockerOnly``.
    package var isDockerOnly = false
    package var destination: ArchiveDestination

    package init(destination: ArchiveDestination) {
        self.destination = destination
    }

    /// Checks that the archive may be written where it shall go, before any work is done.
    ///
    /// Volumes get names of their own, and those of the same set may be there.
    ///
    /// - Throws: `CacheError`.
    package func checkDestination() throws(CacheError) {
        guard volumeSize != nil, case .file(let path, _) = destination else {
            return try ArchiveOutput.check(destination)
        }
        try ArchiveOutput.check(.file(path: path, overwrites: true))
    }

    /// Whether something may have to be fetched: globs, and everything, are of what the cache holds.
    package var mayFetch: Bool {
        wishes.contains { wish in
            switch wish {
            case .reference(let reference): reference.tag != nil
            case .glob: false
            case .entry: true
            }
        }
    }
}

extension ExportRequest.Wish {
    /// A reference, or a glob where it is none and has one of the characters `*`, `?` and `[`.
    ///
    /// - Throws: `ReferenceError`, also for a digest: what is exported has a name.
    package init(_ text: String) throws(ReferenceError) {
        if NameGlob.isMeant(by: text) {
            self = .glob(text)
            return
        }
        let reference = try ImageReference(text)
        guard reference.digest == nil else {
            throw ReferenceError(.reference, text, "an archive names images by tags; leave the digest out")
        }
        self = .reference(reference)
    }
}

/// Why nothing was exported, where neither a registry nor the cache is to blame.
package struct ExportError: Error, Sendable, CustomStringConvertible {
    /// What is wrong.
    package enum Kind: Sendable {
        /// The cache lacks these: an image, and what of it; nothing where even the tag is unknown.
        case missing([(image: ImageReference, digests: [Digest])])
        /// These have none of the platforms asked for, each with what it has; others may be missing besides.
        case unsuitable(
            [(image: ImageReference, reason: String)],
            missing: [(image: ImageReference, digests: [Digest])]
        )
        /// No tag is meant.
        case nothing
        /// One of the names or patterns means none, while others may.
        case unmatched(String)
        /// Several entries or images failed, each with why; nothing was written.
        case several([(what: String, reason: String)])
        /// A set of archives cannot go to standard output.
        case volumesToStandardOutput(count: Int)
    }

    package let kind: Kind

    init(_ kind: Kind) {
        self.kind = kind
    }

    package var description: String {
        switch kind {
        case .missing(let missing): Self.text(missing)
        case .unsuitable(let images, let missing):
            (images.map { "\($0.image): \($0.reason)" } + (missing.isEmpty ? [] : [Self.text(missing)]))
                .joined(separator: "; ")
        case .several(let failures):
            "\(failures.count) failed, and nothing was written: "
                + failures.map { "\($0.what): \($0.reason)" }.joined(separator: "; ")
        case .unmatched(let wish):
            "no tag of the cache is meant by '\(wish)', and nothing was written: sync or import it first, or see 'imglife cache ls'"
        case .nothing: "there is nothing to export: no tag of the cache is meant"
        case .volumesToStandardOutput(let count):
            "the export takes \(count) volumes, and only one can be written to standard output or a device: name a file "
                + "with -o"
        }
    }

    private static func text(_ missing: [(image: ImageReference, digests: [Digest])]) -> String {
        "the cache does not hold " + missing.map(Self.text).joined(separator: ", nor ")
            + ": sync or import it first, or leave --offline out"
    }

    private static func text(_ item: (image: ImageReference, digests: [Digest])) -> String {
        guard !item.digests.isEmpty else { return "\(item.image)" }
        return item.digests.map(\.description).joined(separator: ", ") + " of \(item.image)"
    }
}
