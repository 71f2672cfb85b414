import ArgumentParser
import OCI
import TestSupport
import Testing

@testable import imglife

/// What people find who ask the program about itself.
@Suite(.timeLimit(.minutes(10)))
struct HelpTests {
    private static func run(_ arguments: [String]) async throws -> ToolResult {
        try await Tool.run(Tool.builtProduct("imglife"), arguments, environment: ["COLUMNS": nil])
    }

    @Test("The help of every command has examples, which it takes, and the options of every command")
    func examples() async throws {
        for (path, _) in CommandTree.all {
            let examples = Examples.of(path)
            #expect(!examples.isEmpty, "\(path)")
            for line in examples { try CommandLineText(line).parse() }
            let help = try await Self.run(path + ["--help"])
            #expect(help.status == 0)
            for line in examples { #expect(help.output.contains("  \(line)\n"), "\(path)") }
            for option in [
                "--config", "--cache-dir", "--log-level", "--verbose", "--quiet", "--check", "--lock-timeout",
            ] {
                #expect(
                    help.output.contains("  \(option) ") || help.output.contains(", \(option) "),
                    "\(option): \(path)"
                )
            }
            #expect(try await Self.run(["help"] + path).output == help.output)
        }
    }

    @Test("However few columns there are, help comes, in forty at least", arguments: ["26", "20", "1", "0", "-5"])
    func fewColumns(columns: String) async throws {
        for arguments in [["--help"], ["sync", "--help"], ["cache"], ["help", "eol"]] {
            let help = try await Tool.run(
                Tool.builtProduct("imglife"),
                arguments,
                environment: ["COLUMNS": columns, "SWIFT_BACKTRACE": "enable=no"]
            )
            #expect(help.status == 0, "\(help.errors)")
            #expect(help.output.contains("  --config") || help.output.contains(", --config"))
        }
    }

    @Test("A line of help has no more than 80 columns but where it cannot be broken")
    func width() async throws {
        for (path, _) in CommandTree.all where !path.isEmpty {
            let help = try await Self.run(path + ["--help"]).output
            let text = help.split(separator: "\n").prefix { !$0.hasPrefix("EXAMPLES:") }.filter {
                !$0.hasPrefix("USAGE:")
            }
            for line in text { #expect(line.count <= 80, "\(path): \(line)") }
            // Lines that break early are those that somebody broke by hand.
            let overview = text.prefix { !$0.hasPrefix("OPTIONS:") && !$0.hasPrefix("ARGUMENTS:") }
            for (line, next) in zip(overview, overview.dropFirst()) where !next.hasPrefix(" ") && !line.isEmpty {
                let word = next.prefix { $0 != " " }
                #expect(
                    line.count + 1 + word.count > 76 || line.hasPrefix("OVERVIEW") || line.hasSuffix("."),
                    "\(line)"
                )
            }
        }
    }

    @Test(
        "A slip in a command's name is told with what was meant, and ends with 64",
        arguments: [
            (["snyc"], "did you mean 'sync'?"), (["cache", "lss"], "did you mean 'ls'?"), (["exprot"], "'export'?"),
            (["--log-level", "debug", "snyc"], "did you mean 'sync'?"), (["sync", "--dryrun"], "'--dry-run'?"),
            (["help", "nonesuch"], "there is no command 'nonesuch'"), (["help", "snyc"], "did you mean 'sync'?"),
            (["help", "cache", "verfy"], "did you mean 'verify'?"),
            (["help", "enviroment"], "did you mean 'environment'?"),
            (["help", "environment", "x"], "'help environment' takes no more words"),
        ]
    )
    func slips(arguments: [String], text: String) async throws {
        let result = try await Self.run(arguments)
        #expect(result.status == 64)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains(text), "\(result.errors)")
        let json = try await Self.run(["--log-format=json"] + arguments)
        #expect(json.status == 64)
        let message = try JSONValue(parsing: json.stderr)["message"]?.string ?? ""
        #expect(message.contains(text), "\(json.errors)")
    }

    @Test("The help of help is the program's", arguments: [["help", "help"], ["help"], ["help", "--help"]])
    func helpOfHelp(arguments: [String]) async throws {
        let result = try await Self.run(arguments)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        #expect(try await Self.run(["--help"]).output == result.output)
    }

    @Test("'help environment' has every variable that the program reads, with its default")
    func environment() async throws {
        let help = try await Self.run(["help", "environment"])
        #expect(help.status == 0)
        let root = Repository.path
        var names: Set<String> = []
        for file in try Files.tree("\(root)/Sources") where file.hasSuffix(".swift") {
            let text = try Files.text("\(root)/Sources/\(file)")
            let isOfHooks = file.contains("Hook")
            for match in text.matches(
                of: /"(IMGLIFE_[A-Z_]+[A-Z]|[A-Z]+_PROXY|[A-Z]+_COLOR|REGISTRY_AUTH_FILE|TMPDIR|HOME)"/
            )
            where !isOfHooks { names.insert(String(match.output.1)) }
        }
        #expect(names.count >= 15, "\(names)")
        for name in names { #expect(help.output.contains("\(name) "), "\(name)") }
        let guide = try Files.text("\(root)/docs/configuration.md")
        let variables = guide.split(separator: "## Environment variables")[1].split(separator: "\n## ")[0]
        for variable in EnvironmentHelp.variables {
            let name = variable.name.replacing("IMGLIFE_<HOST>", with: "")
            #expect(variables.contains("\(name)`"), "\(variable.name)")
            guard !variable.preset.isEmpty, variable.name.contains("RETRY") || variable.name.contains("PARALLEL") else {
                continue
            }
            #expect(variables.contains("| `\(name)` | `\(variable.preset)` |"), "\(variable.name)")
        }
    }
}
