import ArgumentParser
import CLinux
import Glibc
import OCI
import Registry
import Sync
import YAML

/// The command line: what is common to all commands, and `--check`.
@main
struct Imglife: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "imglife",
        abstract: "Mirrors container images into a private registry through a content-addressed local cache.",
        discussion: """
            One YAML file says what is mirrored; every blob is downloaded from upstream at most once. \
            'imglife help environment' lists the variables that the program reads.
            """,
        version: Version.current,
        subcommands: [
            SyncCommand.self,
            PlanCommand.self,
            ServeCommand.self,
            ExportCommand.self,
            ImportCommand.self,
            ReceiptCommand.self,
            KeygenCommand.self,
            CacheCommand.self,
            InspectCommand.self,
            EOLCommand.self,
            ClientConfigCommand.self,
            InitCommand.self,
            ConvertCommand.self,
            SchemaCommand.self,
            CompletionCommand.self,
            VersionCommand.self,
        ]
    )

    @OptionGroup var options: GlobalOptions

    @Flag(help: "Validate the configuration and run nothing, whatever the command.")
    var check = false

    static func main() async {
        StandardOutput.occupyClosedStreams()
        // A reader that goes away is an error of that write, not the end of the process half-way.
        signal(SIGPIPE, SIG_IGN)
        clinux_limit_heap()
        endWhereNothingRuns()
        var running: (any ParsableCommand.Type)?
        do {
            try refuseBrokenArguments()
            try NamelessFile.refuse(Array(CommandLine.arguments.dropFirst()))
            try HelpRequest.answer(Array(CommandLine.arguments.dropFirst()))
            var command = try await asyncParseAsRoot()
            running = type(of: command)
            if let checked = command as? any Subcommand, checked.parent.check {
                // Whatever the command would do, it does nothing then.
                try await checked.parent.checkConfiguration(for: checked)
            } else if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            Failure.exit(with: error, of: running)
        }
    }

    /// Says what the system lacks for any command, where the libraries would end the process without a word.
    private static func endWhereNothingRuns() {
        var lack: String?
        do {
            try OpenFiles.raise()
            // Swift reads the arguments there, and its dispatch library does not find its threads elsewhere.
            if access("/proc/self/task", R_OK) != 0 {
                lack = "/proc is not there: mount it ('mount -t proc proc /proc', or MountAPIVFS=yes in a systemd unit)"
            }
        } catch {
            lack = error.description
        }
        guard let lack else { return }
        Failure.tell(lack)
        Glibc.exit(Failure.failed.rawValue)
    }

    /// What is not UTF-8 would arrive as something else, and name another file.
    private static func refuseBrokenArguments() throws {
        for position in 1..<max(1, Int(CommandLine.argc)) {
            guard let argument = CommandLine.unsafeArgv[position], String(validatingCString: argument) == nil else {
                continue
            }
            throw ValidationError(
                "argument \(position), '\(String(cString: argument).displaySafe)', is not UTF-8: rename what it names, or go "
                    + "there and use '.'"
            )
        }
    }

    func run() async throws {
        guard check else { throw CleanExit.helpRequest(self) }
        try await checkConfiguration(for: nil)
    }

    /// Says whether the configuration is valid, and every problem that it, or what it points at, has.
    ///
    /// - Parameter command: stands beside `--check`.
    /// - Throws: `ExitCode`.
    func checkConfiguration(for command: (any Subcommand)?) async throws {
        try await Failure.exiting {
            var findings = Findings()
            let copies = command?.copies ?? false
            let session = Session(options: options, copies: copies, needsFile: command == nil, noting: &findings)
            findings.problems += try await FileCheck(session: session).problems()
            do {
                try await session.credentials.check()
            } catch {
                findings.note(error)
            }
            findings.troubles += NamedFiles.troubles(of: command)
            session.warn(options)
            try findings.refuse()
            try command?.require(session.configuration)
            guard session.hasFile else {
                return try StandardOutput.write("no configuration at '\(session.file)': everything has its default\n")
            }
            let count = session.configuration.entries.count
            let lack = count == 0 ? "; 'sync', 'plan' and 'eol' need 'sync.entries'" : ""
            try StandardOutput.write("\(session.file): valid, \(count) \(count == 1 ? "entry" : "entries")\(lack)\n")
        }
    }
}

/// A command below ``Imglife``, which knows the options that all of them share.
protocol Subcommand: AsyncParsableCommand {
    var parent: Imglife { get }
    /// Whether it is of no use without the configuration's entries.
    var copies: Bool { get }
    /// Refuses a valid configuration that lacks what its options want.
    func require(_ configuration: Configuration) throws
}

extension Subcommand {
    var copies: Bool { false }
    func require(_: Configuration) throws {}
}

/// The version that `--version` and the User-Agent tell.
enum Version {
    static let current = "0.1.0"
}
