import ArgumentParser
import Cache
import OCI

/// `imglife cache ls`.
struct CacheListCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List the images of the cache, their platforms and sizes.",
        discussion: """
            UNIQUE is what removing the image, with all of its tags, would free; SHARED is what other images need too. \
            Further tags of an image stand below its first.
            """
    )

    @ParentCommand var parent: Imglife

    @Option(help: "Text, or one JSON document.")
    var output = CacheCommand.Output.text

    func run() async throws {
        try await CacheAccess.run(parent.options, mayBeReadOnly: true) { [output] cache, _ in
            let images = try await cache.inventory.images()
            switch output {
            case .text: try StandardOutput.write(Self.text(images))
            case .json: try StandardOutput.write(CacheDocument.text(Document(images: images.map(Image.init))))
            }
        }
    }

    private static func text(_ images: [CachedImage]) -> String {
        var rows = [["IMAGE", "UNIQUE", "SHARED", "PLATFORMS"]]
        for image in images {
            let platforms = image.platforms.map { "\($0)".displaySafe }.joined(separator: ",")
            let sizes = ["\(ByteCount(image.uniqueBytes))", "\(ByteCount(image.sharedBytes))"]
            rows.append([image.references.first?.description ?? ""] + sizes + [platforms.isEmpty ? "-" : platforms])
            rows += image.references.dropFirst().map { [$0.description, "″", "″", "″"] }
        }
        let widths = (0..<3).map { column in rows.reduce(0) { max($0, $1[column].count) } }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            return (cells + [row[3]]).joined(separator: "  ") + "\n"
        }.joined()
    }

    private struct Document: Encodable {
        let images: [Image]
    }

    private struct Image: Encodable {
        let references: [String]
        let digest: String
        let mediaType: String
        let platforms: [String]
        let uniqueBytes: Int64
        let sharedBytes: Int64
        let lastUse: Int64

        init(_ image: CachedImage) {
            references = image.references.map(\.description)
            digest = image.descriptor.digest.description
            mediaType = image.descriptor.mediaType.description
            platforms = image.platforms.map { "\($0)".displaySafe }
            uniqueBytes = image.uniqueBytes
            sharedBytes = image.sharedBytes
            lastUse = image.lastUse
        }
    }
}
