import Archive
import Cache
import OCI
import Sync

/// What an export came to, as JSON has it and as people read it.
struct ExportDocument: Encodable {
    /// One file.
    struct Archive: Encodable {
        let file: String
        let bytes: Int64
        /// An earlier run had written it.
        let wasThere: Bool
    }

    /// One name and what it stands for.
    struct Image: Encodable {
        let reference: String
        let digest: String
    }

    /// A number of blobs.
    struct Blobs: Encodable {
        let blobs: Int
        let bytes: Int64
    }

    let version = 1
    let archives: [Archive]
    let images: DocumentRows
    private let imageCount: Int
    let written: Blobs
    let omitted: Blobs
    let downloadedBytes: Int64
    let set: String?

    init(_ report: ExportReport) {
        archives = report.archives.map { Archive(file: $0.path, bytes: $0.bytes, wasThere: $0.wasThere) }
        images = DocumentRows(report.images) { Image(reference: "\($0.reference)", digest: "\($0.descriptor.digest)") }
        imageCount = report.images.count
        written = Blobs(blobs: report.blobs, bytes: report.bytes)
        omitted = Blobs(blobs: report.omittedBlobs, bytes: report.omittedBytes)
        downloadedBytes = report.downloadedBytes
        set = report.set?.description
    }

    private enum CodingKeys: CodingKey {
        case version, archives, images, written, omitted, downloadedBytes, set
    }

    var text: String {
        var lines = archives.map { archive in
            "\(archive.file.displaySafe(limit: 1024))  \(ByteCount(archive.bytes))"
                + (archive.wasThere ? ", was there already" : "")
        }
        let tags = "\(imageCount) \(imageCount == 1 ? "tag" : "tags")"
        lines.append("exported \(tags), \(Self.text(written))")
        if omitted.blobs > 0 { lines.append("left out \(Self.text(omitted)) that the other side holds") }
        if downloadedBytes > 0 { lines.append("downloaded \(ByteCount(downloadedBytes)) first") }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func text(_ blobs: Blobs) -> String {
        "\(blobs.blobs) \(blobs.blobs == 1 ? "blob" : "blobs"), \(ByteCount(blobs.bytes))"
    }
}
