import ArgumentParser
import OCI
import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct CompletionTests {
    @Test(
        "The completion script of every shell knows the commands and their options",
        arguments: [CompletionShell.bash, .zsh, .fish]
    )
    func scripts(shell: CompletionShell) {
        let script = Imglife.completionScript(for: shell)
        for word in ["sync", "client-config", "dry-run", "log-level"] { #expect(script.contains(word)) }
    }

    @Test("The shell is named as it calls itself, and another one is refused")
    func names() throws {
        #expect(try Imglife.parseAsRoot(["completion", "fish"]) is CompletionCommand)
        #expect(throws: (any Error).self) { try Imglife.parseAsRoot(["completion", "tcsh"]) }
    }

    /// What each command's options and arguments with a value complete to.
    ///
    /// Those that are not here are numbers, times, sizes, addresses, and names that nobody knows beforehand.
    private static let kinds: [String: [String: [String]]] = [
        "": ["file": ["--config"], "list": ["--log-level", "--log-format"], "directory": ["--cache-dir"]],
        "sync": ["customAsync": ["--entry"], "list": ["--output", "--progress"], "file": ["--metrics-file"]],
        "plan": ["customAsync": ["--entry", "--explain"], "list": ["--output"]],
        "serve": ["file": ["--tls-cert", "--tls-key", "--htpasswd"]],
        "export": [
            "file": ["--file", "--since", "--sign"], "customAsync": ["--entry", "ref"],
            "list": ["--platform", "--output", "--progress"],
        ],
        "import": [
            "file": ["file", "--verify-key", "--receipt"], "customAsync": ["--as", "--only"],
            "list": ["--output", "--progress"],
        ],
        "receipt": ["file": ["--file"]],
        "keygen": ["file": ["--file"]],
        "cache stats": ["list": ["--output"]],
        "cache ls": ["customAsync": ["pattern"], "list": ["--sort", "--output"]],
        "cache verify": ["list": ["--output"]],
        "cache gc": ["list": ["--output"]],
        "cache rm": ["customAsync": ["ref"], "list": ["--output"]],
        "inspect": ["customAsync": ["ref"], "list": ["--output"]],
        "eol": ["customAsync": ["--entry"], "list": ["--output"]],
        "client-config": ["list": ["client"], "customAsync": ["--upstream"], "file": ["--ca"]],
        "init": ["customAsync": ["images"]],
        "convert": ["file": ["files"], "list": ["--from"]],
        "schema": ["list": ["document"]],
        "completion": ["list": ["shell"]],
        "version": ["list": ["--output"]],
    ]

    private static let free: Set<String> = [
        "--lock-timeout", "--every", "--listen", "--metrics-listen", "--tag-ttl", "--max-connections",
        "--max-connections-per-client", "--shutdown-delay", "--sync-every", "--volume-size", "--subset",
        "--max-duration",
        "--max-size", "--grace", "--fail-within", "--url", "--username", "--target", "subcommands",
    ]

    @Test("Every option and argument that takes a file, an entry, an image or one of several words completes to those")
    func everyOption() throws {
        let root = try #require(try JSONValue(parsing: Array(Imglife._dumpHelp().utf8))["command"])
        var found: [String: [String: [String]]] = [:]
        func collect(_ command: JSONValue, _ path: [String]) {
            for argument in command["arguments"]?.elements ?? [] where argument["kind"]?.string != "flag" {
                let names = (argument["names"]?.elements ?? []).filter { $0["kind"]?.string == "long" }
                let name = names.first?["name"]?.string.map { "--\($0)" } ?? argument["valueName"]?.string ?? ""
                let kind = argument["completionKind"]?.members?.first?.key
                guard argument["shouldDisplay"]?.bool != false, kind != nil || !Self.free.contains(name) else {
                    continue
                }
                found[path.joined(separator: " "), default: [:]][kind ?? "nothing", default: []].append(name)
            }
            for child in command["subcommands"]?.elements ?? [] {
                collect(child, path + [child["commandName"]?.string ?? ""])
            }
        }
        collect(root, [])
        for (command, kinds) in found {
            #expect(kinds.mapValues(Set.init) == (Self.kinds[command] ?? [:]).mapValues(Set.init), "\(command)")
        }
        #expect(Set(found.keys) == Set(Self.kinds.keys))
    }
}
