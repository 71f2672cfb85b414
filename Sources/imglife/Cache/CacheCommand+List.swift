import ArgumentParser
import Cache
import Logging
import OCI

/// `imglife cache ls`.
struct CacheListCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List the images of the cache, their platforms and sizes.",
        discussion: """
            A line a name, by repository and then by version, the newest first. UNIQUE is what removing the image, with all \
            of its names, would free; SHARED is what other images need too. Several names of one image show the same \
            figures; --digests tells which they are. JSON has them by name as the index does, not by version.
            """
    )

    /// In which order images are listed.
    enum Order: String, CaseIterable, ExpressibleByArgument {
        case name
        case size
        case age
    }

    @ParentCommand var parent: Imglife

    @Argument(
        help: ArgumentHelp("Only names like these: alpine, alpine:3.21, '*/team/*:2.*'.", valueName: "pattern"),
        completion: .cachedImages
    )
    var patterns: [ImagePattern] = []

    @Option(help: "By name and version, the largest first, or the longest unused first.")
    var sort = Order.name

    @Flag(help: "Show what each name stands for.")
    var digests = false

    @Option(help: "Text, or one JSON document.")
    var output = CacheCommand.Output.text

    func run() async throws {
        try await CacheAccess.run(parent.options, mayBeReadOnly: true) { [self] cache, access in
            let isFound =
                switch output {
                case .text: try await writeTable(cache.inventory)
                case .json: try await writeDocument(cache.inventory)
                }
            guard !isFound, !patterns.isEmpty else { return }
            access.configuration.logger.notice(
                "no name in the cache is like that; patterns are compared with whole names, such as '*/app:*'",
                metadata: ["pattern": "\(patterns.map(\.text.displaySafe).joined(separator: " "))"]
            )
        }
    }

    /// Lines that are written, and images that are read, together.
    private static let pageSize = 100

    /// - Returns: whether there was anything.
    private func writeTable(_ inventory: Inventory) async throws -> Bool {
        var table = ImageTable(hasDigests: digests, columns: Terminal.outputColumns)
        switch sort {
        case .name: try await writeByName(inventory, &table)
        case .size, .age:
            try await forEachPage(of: inventory) { try StandardOutput.show(table.text($0.flatMap(named))) }
        }
        let isFound = table.hasLines
        if !isFound { try StandardOutput.show(table.text([])) }
        return isFound
    }

    /// Writes page after page, so that of a large cache the first one is there at once; a smaller one is one table.
    ///
    /// Names are read first: of what nobody asked for nothing else is.
    private func writeByName(_ inventory: Inventory, _ table: inout ImageTable) async throws {
        var order = RepositoryOrder()
        var names: ArraySlice<CachedName> = []
        var position: ImagePage.Position?
        var figures = ImageFigures(inventory)
        repeat {
            let page = try await inventory.names(after: position, limit: Self.pageSize * 5)
            names += order.add(page.names.filter { patterns.pick($0.reference) })
            position = page.next
            if position == nil { names += order.finish() }
            while names.count >= Self.pageSize || position == nil, !names.isEmpty {
                let next = names.prefix(Self.pageSize)
                names = names.dropFirst(next.count)
                let images = try await figures.images(of: next)
                let rows = next.compactMap { name in
                    images[name.digest].map { NamedImage(name: name.reference, image: $0) }
                }
                try StandardOutput.show(table.text(rows))
            }
        } while position != nil
    }

    /// The names of an image that were asked for.
    private func named(_ image: CachedImage) -> [NamedImage] {
        let names = image.references.filter(patterns.pick).map { NamedImage(name: $0, image: image) }
        return TagRank.sorted(names, by: \.name.tag)
    }

    /// The same text as of one document that is encoded whole, without holding it.
    ///
    /// - Returns: whether there was anything.
    private func writeDocument(_ inventory: Inventory) async throws -> Bool {
        var text = "{\n  \"images\" : [\n"
        var isFirst = true
        try await forEachPage(of: inventory) { images in
            for image in images where patterns.isEmpty || image.references.contains(where: patterns.pick) {
                let lines = try CacheDocument.text(Image(image)).split(separator: "\n").map { "    " + $0 }
                text += (isFirst ? "" : ",\n") + lines.joined(separator: "\n")
                isFirst = false
            }
            try StandardOutput.show(text)
            text = ""
        }
        try StandardOutput.show("\n  ],\n  \"version\" : 1\n}\n")
        return !isFirst
    }

    /// Hands out the images in pages; all at once where an order needs them all.
    private func forEachPage(of inventory: Inventory, _ body: ([CachedImage]) throws -> Void) async throws {
        var position: ImagePage.Position?
        var all: [CachedImage] = []
        repeat {
            let page = try await inventory.images(after: position, limit: Self.pageSize)
            if sort == .name { try body(page.images) } else { all += page.images }
            position = page.next
        } while position != nil
        switch sort {
        case .name: break
        case .size: try body(all.sorted { $0.uniqueBytes + $0.sharedBytes > $1.uniqueBytes + $1.sharedBytes })
        case .age: try body(all.sorted { $0.lastUse < $1.lastUse })
        }
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
