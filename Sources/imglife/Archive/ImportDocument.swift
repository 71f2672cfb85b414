import Archive
import Cache
import OCI

/// What `imglife import` did, for `--output json` and as text.
struct ImportDocument: Encodable {
    struct Image: Encodable {
        let reference: String
        let digest: String
        /// `added`, `moved`, `unchanged` or `waiting`.
        let status: String
        /// What the name stood for before.
        let previous: String?
        /// Platforms that the archive's index names and the archive lacks; `nil` when the index is whole.
        let absentPlatforms: [String]?
    }

    struct Volumes: Encodable {
        let set: String
        let count: Int
        let missing: [Int]
    }

    struct Archive: Encodable {
        let file: String
        let error: String?
        fileprivate(set) var images: [Image]
        let skipped: [String]
        /// How many images have no name and belong to nothing that has; they were left out.
        let unnamed: Int
        /// Their digests.
        let unnamedDigests: [String]
        /// Entries of the archive's index that are no images.
        let foreign: Int
        let blobs: Int
        let bytes: Int64
        let presentBlobs: Int
        /// `nil` when nothing is missing, after all archives of the command.
        fileprivate(set) var volumes: Volumes?
        /// The set that it is a volume of.
        let set: String?
    }

    var version = 1
    let archives: [Archive]

    init(_ archives: [Archive]) {
        self.archives = archives
    }

    /// What earlier volumes waited for and later ones of the same command brought is no longer waited for.
    static func settled(_ archives: [Archive]) -> [Archive] {
        var later: [String: Set<String>] = [:]
        return archives.reversed().map { archive in
            var archive = archive
            guard archive.error == nil, let set = archive.set else { return archive }
            if let known = later[set] {
                archive.volumes = nil
                archive.images.removeAll { $0.status == "waiting" && known.contains($0.reference) }
            }
            later[set, default: []].formUnion(archive.images.map(\.reference))
            return archive
        }.reversed()
    }
}

extension ImportDocument.Image {
    fileprivate init(_ image: ImportReport.Image) {
        reference = image.reference.description
        digest = image.descriptor.digest.description
        absentPlatforms = image.narrowing?.absent.map(\.description)
        switch image.outcome {
        case .added: (status, previous) = ("added", nil)
        case .moved(let from): (status, previous) = ("moved", from.description)
        case .unchanged: (status, previous) = ("unchanged", digest)
        case .waiting: (status, previous) = ("waiting", nil)
        }
    }

    fileprivate var text: String {
        switch (status, previous) {
        case ("moved", let previous?): "\(reference)  \(digest)  was \(previous)"
        default: "\(reference)  \(digest)  \(status)"
        }
    }
}

extension ImportDocument.Archive {
    init(_ file: String, _ error: CacheError) {
        self.init(file: file, error: error.description, ImportReport())
    }

    init(_ file: String, _ report: ImportReport) {
        self.init(file: file, error: nil, report)
    }

    private init(file: String, error: String?, _ report: ImportReport) {
        self.init(
            file: file,
            error: error,
            images: report.images.map(ImportDocument.Image.init),
            skipped: report.skipped,
            unnamed: report.unnamed.count,
            unnamedDigests: report.unnamed.map(\.description),
            foreign: report.foreign,
            blobs: report.blobs,
            bytes: report.bytes,
            presentBlobs: report.presentBlobs,
            volumes: report.volumes.map { volumes in
                ImportDocument.Volumes(set: "\(volumes.set)", count: volumes.count, missing: volumes.missing)
            },
            set: report.set?.description
        )
    }

    /// Nothing for an archive that was refused.
    var text: String {
        guard error == nil else { return "" }
        var lines = images.map(\.text)
        var summary = "\(file.displaySafe): \(blobs) new \(blobs == 1 ? "blob" : "blobs"), \(ByteCount(bytes))"
        if presentBlobs > 0 { summary += "; \(presentBlobs) were there already" }
        if !skipped.isEmpty { summary += "; \(skipped.count) names left out" }
        if unnamed > 0 { summary += "; \(unnamedText) left out" }
        if foreign > 0 { summary += "; \(foreign) \(foreign == 1 ? "entry" : "entries") ignored, which are no images" }
        lines.append(summary)
        if let volumes {
            let missing = volumes.missing.map(String.init).joined(separator: ", ")
            lines.append("still missing of \(volumes.count) volumes: \(missing); import them in any order")
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private var unnamedText: String {
        let shown = unnamedDigests.prefix(3).joined(separator: ", ") + (unnamed > 3 ? ", …" : "")
        return "\(unnamed) \(unnamed == 1 ? "image" : "images") without a name (\(shown))"
    }
}
