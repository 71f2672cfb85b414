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

    struct Replacement: Encodable {
        /// As the archive writes it.
        let name: String
        /// What it is called instead.
        let reference: String
    }

    struct Archive: Encodable {
        let file: String
        let error: String?
        let images: DocumentRows
        let skipped: DocumentRows
        /// Names of what refers to images and is of no use.
        let unusable: [String]
        /// Names that `--as` took the place of.
        let replaced: DocumentRows
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
        let volumes: Volumes?
        /// The set that it is a volume of.
        let set: String?
    }

    var version = 1
    let archives: [Archive]

    init(_ outcomes: [ImportOutcome]) {
        archives = outcomes.map(Archive.init)
    }
}

extension ImportDocument.Image {
    init(_ image: ImportReport.Image) {
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

    var text: String {
        switch (status, previous) {
        case ("moved", let previous?): "\(reference)  \(digest)  was \(previous)"
        default: "\(reference)  \(digest)  \(status)"
        }
    }
}

extension ImportDocument.Archive {
    fileprivate init(_ outcome: ImportOutcome) {
        let report = outcome.report
        self.init(
            file: outcome.file,
            error: outcome.error?.description,
            images: DocumentRows(report.images) { ImportDocument.Image($0) },
            skipped: DocumentRows(report.skipped) { $0 },
            unusable: report.unusable,
            replaced: DocumentRows(report.replaced) {
                ImportDocument.Replacement(name: $0.name, reference: $0.reference)
            },
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
}
