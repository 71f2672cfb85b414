import Archive
import ArgumentParser
import Cache
import Lifecycle
import NIOCore
import Sync

/// `imglife receipt`: what this side of an air gap holds.
struct ReceiptCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "receipt",
        abstract: "Write what the cache holds, for 'export --since' on the other side.",
        discussion: "No registry is asked, and no configuration is needed."
    )

    @ParentCommand var parent: Imglife

    @Option(
        name: [.customShort("o"), .customLong("file")],
        help: ArgumentHelp("Where to; '-' is standard output.", valueName: "file"),
        completion: .file()
    )
    var file = "-"

    func run() async throws {
        try await CacheAccess.run(parent.options) { [file] cache, _ in
            try await Self.write(cache, to: file)
        }
    }

    /// Writes a receipt, whole or not at all.
    static func write(_ cache: ContentCache, to file: String) async throws {
        let receipt = try await Receipt(of: cache)
        try receipt.check()
        if file == "-" {
            try receipt.forEachPiece { piece throws(OutputError) in
                try StandardOutput.write(String(buffer: piece))
            }
        } else {
            try await DurableFile(path: file).replaceWaiting { put throws(FileError) in
                try receipt.forEachPiece { piece throws(FileError) in
                    try put(Array(piece.readableBytesView))
                }
            }
        }
    }
}
