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
            switch output {
            case .text: try await Self.writeTable(cache.inventory)
            case .json: try await Self.writeDocument(cache.inventory)
            }
        }
    }

    /// Images that are read and written together; a smaller cache is one table.
    private static let pageSize = 250

    /// Writes page after page, so that of a large cache the first one is there at once.
    private static func writeTable(_ inventory: Inventory) async throws {
        var rows = [["IMAGE", "UNIQUE", "SHARED", "PLATFORMS"]]
        var widths = [0, 0, 0]
        try await forEachPage(of: inventory) { images in
            rows += images.flatMap(Self.rows)
            // Columns never become narrower.
            widths = widths.indices.map { column in rows.reduce(widths[column]) { max($0, $1[column].count) } }
            try StandardOutput.write(text(rows, widths))
            rows = []
        }
    }

    /// The same text as of one document that is encoded whole, without holding it.
    private static func writeDocument(_ inventory: Inventory) async throws {
        var text = "{\n  \"images\" : [\n"
        var isFirst = true
        try await forEachPage(of: inventory) { images in
            for image in images {
                let lines = try CacheDocument.text(Image(image)).split(separator: "\n").map { "    " + $0 }
                text += (isFirst ? "" : ",\n") + lines.joined(separator: "\n")
                isFirst = false
            }
            try StandardOutput.write(text)
            text = ""
        }
        try StandardOutput.write("\n  ]\n}\n")
    }

    private static func forEachPage(of inventory: Inventory, _ body: ([CachedImage]) throws -> Void) async throws {
        var position: ImagePage.Position?
        repeat {
            let page = try await inventory.images(after: position, limit: pageSize)
            try body(page.images)
            position = page.next
        } while position != nil
    }

    private static func rows(_ image: CachedImage) -> [[String]] {
        let platforms = image.platforms.map { "\($0)".displaySafe }.joined(separator: ",")
        let sizes = ["\(ByteCount(image.uniqueBytes))", "\(ByteCount(image.sharedBytes))"]
        return [[image.references.first?.description ?? ""] + sizes + [platforms.isEmpty ? "-" : platforms]]
            + image.references.dropFirst().map { [$0.description, "″", "″", "″"] }
    }

    private static func text(_ rows: [[String]], _ widths: [Int]) -> String {
        rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            return (cells + [row[3]]).joined(separator: "  ") + "\n"
        }.joined()
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
