import Archive
import ArgumentParser
import Cache
import Lifecycle
import NIOCore
import OCI
import Output
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
        try await Failure.exiting { try Self.checkPlace(file) }
        try await CacheAccess.run(parent.options) { [file] cache, _ in
            try await Self.write(cache, to: file)
        }
    }

    /// Ends the command where the name is another file's: a file that was carried over must not become a receipt.
    static func checkPlace(_ file: String) throws {
        guard file != "-", case .file(let path, true)? = try? OutputPlace(file) else { return }
        guard try !Receipt.mayReplace(path) else { return }
        throw ValidationError("\(file.displaySafe) is there and is no receipt: name another file for the receipt")
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
