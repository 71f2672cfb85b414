import ArgumentParser
import CLinux
import Glibc
import Sync

/// The command line: what is common to all commands, and `--check`.
@main
struct Imglife: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "imglife",
        abstract: "Mirrors container images into a private registry through a content-addressed local cache.",
        discussion: "One YAML file says what is mirrored; every blob is downloaded from upstream at most once.",
        version: Version.current,
        subcommands: [
            SyncCommand.self,
            ServeCommand.self,
            ExportCommand.self,
            ImportCommand.self,
            ReceiptCommand.self,
            KeygenCommand.self,
            CacheCommand.self,
            EOLCommand.self,
            ClientConfigCommand.self,
            SchemaCommand.self,
            CompletionCommand.self,
        ]
    )

    @OptionGroup var options: GlobalOptions

    @Flag(help: "Validate the configuration and run nothing.")
    var check = false

    static func main() async {
        StandardOutput.occupyClosedStreams()
        // A reader that goes away is an error of that write, not the end of the process half-way.
        signal(SIGPIPE, SIG_IGN)
        clinux_limit_heap()
        await main(nil)
    }

    func run() async throws {
        guard check else { throw CleanExit.helpRequest(self) }
        try await checkConfiguration()
    }

    /// Says whether the configuration is valid, and every problem it has.
    func checkConfiguration() async throws {
        try await Failure.exiting {
            let session = try Session(options: options)
            let count = session.configuration.entries.count
            try StandardOutput.write("\(session.file): valid, \(count) \(count == 1 ? "entry" : "entries")\n")
        }
    }
}

/// The version that `--version` and the User-Agent tell.
enum Version {
    static let current = "0.1.0"
}
