import FoundationEssentials
import Logging
import OCI
import Sync
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct HookEnvironmentTests {
    private let log = HookLog()

    /// What a hook sees, without what the shell itself adds.
    private func variables(_ inherited: [String: String], _ context: HookContext) async throws -> [String: String] {
        let runner = HookRunner(environment: inherited, logger: log.logger)
        _ = try await runner.run([Hook(command: "env")], context: context)
        let pairs = log.lines.map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
        let all = Dictionary(pairs.map { (String($0[0]), String($0.count > 1 ? $0[1] : "")) }) { _, new in new }
        return all.filter { !["PWD", "SHLVL", "_", "OLDPWD"].contains($0.key) }
    }

    @Test("A hook of an entry gets exactly the inherited variables and the documented ones")
    func entryHook() async throws {
        let context = HookContext(
            source: try ImageReference("docker.io/library/alpine").location,
            target: try ImageReference("registry.example.com:5000/mirrors/alpine").location,
            tags: [TagName("3.21.3"), TagName("3.20")],
            synced: 2,
            upToDate: 7,
            errors: 1,
            duration: .milliseconds(4249),
            report: "/tmp/a b/report.json"
        )
        let seen = try await variables(["PATH": "/usr/bin:/bin", "LANG": "C", "X": "a=b"], context)
        #expect(
            seen == [
                "PATH": "/usr/bin:/bin", "LANG": "C", "X": "a=b",
                "IMGLIFE_HOOK": "post_sync", "IMGLIFE_STATUS": "failure", "IMGLIFE_SOURCE": "docker.io/library/alpine",
                "IMGLIFE_TARGET": "registry.example.com:5000/mirrors/alpine", "IMGLIFE_TAGS": "3.21.3 3.20",
                "IMGLIFE_SYNCED": "2", "IMGLIFE_UP_TO_DATE": "7", "IMGLIFE_ERRORS": "1",
                "IMGLIFE_DURATION_SECONDS": "4.2", "IMGLIFE_REPORT": "/tmp/a b/report.json",
            ]
        )
    }

    @Test("A hook of the run has no source, target or report, not even a surrounding run's")
    func runHook() async throws {
        let inherited = [
            "PATH": "/usr/bin:/bin", "IMGLIFE_SOURCE": "old", "IMGLIFE_TARGET": "old", "IMGLIFE_REPORT": "old",
            "IMGLIFE_TAGS": "old", "IMGLIFE_STATUS": "old",
        ]
        let seen = try await variables(inherited, HookContext())
        #expect(
            seen == [
                "PATH": "/usr/bin:/bin", "IMGLIFE_HOOK": "post_sync", "IMGLIFE_STATUS": "success", "IMGLIFE_TAGS": "",
                "IMGLIFE_SYNCED": "0", "IMGLIFE_UP_TO_DATE": "0", "IMGLIFE_ERRORS": "0",
                "IMGLIFE_DURATION_SECONDS": "0.0",
            ]
        )
    }

    @Test("Registry secrets are not inherited")
    func secrets() async throws {
        let canary = "canary-5f1e"
        let names = [
            "IMGLIFE_DOCKER_IO_USERNAME", "IMGLIFE_DOCKER_IO_PASSWORD", "IMGLIFE_REGISTRY_5000_TOKEN",
            "IMGLIFE_X_TOKEN",
            "CI_JOB_TOKEN", "DOCKER_AUTH_CONFIG",
        ]
        var inherited = Dictionary(uniqueKeysWithValues: names.map { ($0, canary) })
        inherited["PATH"] = "/usr/bin:/bin"
        inherited["IMGLIFE_LOG_LEVEL"] = "debug"
        let seen = try await variables(inherited, HookContext())
        #expect(!log.lines.contains { $0.contains(canary) })
        #expect(seen["IMGLIFE_LOG_LEVEL"] == "debug")
    }

    @Test("Variables without a name, or with a name that none can have, do not keep a hook from being started")
    func strangeNames() async throws {
        let context = HookContext()
        let seen = try await variables(["": "a", "X=Y": "b", "3SCALE_ENV": "c", "PATH": "/usr/bin:/bin"], context)
        #expect(seen["PATH"] == "/usr/bin:/bin" && seen["X"] == nil && seen["3SCALE_ENV"] == nil)
    }

    @Test("Nothing is substituted into the command, and no value is executed")
    func noSubstitution() async throws {
        try await withTemporaryDirectory { directory in
            let file = "\(directory)/x"
            let text = "$(touch \(file))`touch \(file)`; touch \(file)"
            let runner = HookRunner(environment: ["PATH": "/usr/bin:/bin", "EVIL": text], logger: log.logger)
            let hook = Hook(command: #"printf '%s\n' "$EVIL" "$IMGLIFE_REPORT"; echo $IMGLIFE_REPORT '{{.Tags}}'"#)
            _ = try await runner.run([hook], context: HookContext(report: text))
            #expect(log.lines == [text, text, "\(text) {{.Tags}}"])
            #expect(!FileManager.default.fileExists(atPath: file))
        }
    }

    @Test("More tags than a variable can hold are cut at a whole tag, with a warning")
    func manyTags() async throws {
        let name = String(repeating: "t", count: 128)
        let tags = try (0..<2000).map { try TagName("\($0)\(name)".prefix(128)) }
        let runner = HookRunner(environment: ["PATH": "/usr/bin:/bin"], logger: log.logger)
        let hook = Hook(command: "set -- $IMGLIFE_TAGS; echo $#; shift 774; echo ${#1}")
        let outcomes = try await runner.run([hook], context: HookContext(entry: 3, tags: tags))
        #expect(outcomes.map(\.result) == [.succeeded])
        #expect(log.lines == ["775", "128"])
        #expect(log.count(of: .warning) == 1)
        #expect(log.uninformed == ["sync.entries[3].hooks.post_sync[0]"])
    }
}
