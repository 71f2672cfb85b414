import ArgumentParser
import CBuild
import OCI

/// `imglife version`: what this program is, for a report of a fault.
struct VersionCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version, the commit, and the versions of Swift and of the libraries it was tested with."
    )

    /// How it is written.
    enum Output: String, CaseIterable, ExpressibleByArgument {
        case text
        case json
    }

    @ParentCommand var parent: Imglife

    @Option(help: "text, or one JSON document.")
    var output = Output.text

    func run() async throws {
        try await Failure.exiting {
            try StandardOutput.write(output == .json ? Self.json : Self.text)
        }
    }

    /// Empty where the build did not say.
    private static let commit = String(cString: cbuild_commit())

    /// As far as the language tells: major and minor.
    private static let swift: String = {
        #if compiler(>=6.4)
        "6.4 or newer"
        #else
        "6.3"
        #endif
    }()

    private static var text: String {
        let commit = commit.isEmpty ? "unknown" : commit
        let libraries = TestedLibraries.direct.map { "  \($0.name) \($0.version)\n" }.joined()
        return "imglife \(Version.current)\ncommit \(commit)\nSwift \(swift)\ntested with\n\(libraries)"
    }

    private static var json: String {
        let libraries = TestedLibraries.direct.map { "\(JSONText.quoted($0.name)): \(JSONText.quoted($0.version))" }
        return """
            {"version": 1, "imglife": "\(Version.current)", "commit": \(commit.isEmpty ? "null" : JSONText.quoted(commit)), \
            "swift": "\(swift)", "libraries": {\(libraries.joined(separator: ", "))}}

            """
    }
}
