import OCI
import TestSupport
import Testing

/// What a pull-through asks, and with whose credentials, after HUP.
@Suite(.timeLimit(.minutes(10)))
struct ServeReloadTests {
    private let image = SampleImage.image(layers: [.init(seed: 8, size: 2000)])

    /// Asks a server for manifests, as `before` and `after` name them, before and after it has read `next.yaml` at HUP.
    ///
    /// - Returns: the answers' statuses, and the log.
    private func statuses(
        _ workspace: Workspace,
        environment: [String: String] = [:],
        before: [String],
        after: [String]
    ) async throws -> (lines: [String], log: String) {
        let script = """
            "$imglife" serve --listen 127.0.0.1:0 --pull-through 2>log.txt & pid=$!
            until_log() { for i in $(seq 600); do grep -q "$1" log.txt && return; sleep 0.05; done; }
            until_log listening
            address=$(sed -n 's/.*listening.*address=\\([0-9.:]*\\).*/\\1/p' log.txt)
            ask() { for i in "$@"; do curl -so answer.txt -w '%{http_code}\\n' "http://$address/v2/$i"; done; }
            ask \(before.map { "'\($0)'" }.joined(separator: " "))
            cp next.yaml imglife.yaml; kill -HUP $pid; until_log 'begins from now follows it'
            ask \(after.map { "'\($0)'" }.joined(separator: " "))
            kill $pid; wait $pid
            """
        let result = try await workspace.shell(script, environment: environment)
        return (result.lines, try Files.text("\(workspace.path)/log.txt"))
    }

    /// Writes what HUP reads.
    private func prepare(_ workspace: Workspace, _ entries: Entry..., head: String = "") throws {
        let text = head + "sync:\n  entries:\n" + entries.map(\.text).joined()
        try Files.write(text, to: "\(workspace.path)/next.yaml")
    }

    @Test("The registries that are asked follow the entries", arguments: [true, false])
    func entries(isReachedAnotherWay: Bool) async throws {
        try await ScriptedRegistry.with { former async throws in
            try await ScriptedRegistry.with { later async throws in
                for tag in ["1", "2"] as [TagName] {
                    former.load(image, repository: "up/app", tag: tag)
                    later.load(image, repository: "up/app", tag: tag)
                }
                try await Workspace.with { workspace async throws in
                    try workspace.configure(Entry(former.place("up/app"), to: "127.0.0.1:1/down", Entry.all))
                    try prepare(
                        workspace,
                        Entry(later.place("up/app"), to: "127.0.0.1:1/down", Entry.all),
                        head: isReachedAnotherWay ? "registries:\n  '\(later.host)': {plain_http: true}\n" : ""
                    )
                    let (first, second) = (
                        "up/app/manifests/1?ns=\(former.host)", "up/app/manifests/1?ns=\(later.host)"
                    )
                    let gone = "up/app/manifests/2?ns=\(former.host)"
                    let (lines, log) = try await statuses(workspace, before: [first, second], after: [second, gone])
                    #expect(lines == ["200", "404", isReachedAnotherWay ? "404" : "200", "404"], "\(log)")
                    #expect(log.contains("is not asked before a restart") == isReachedAnotherWay, "\(log)")
                    #expect(later.requests.isEmpty == isReachedAnotherWay)
                    #expect(!former.requests.contains { $0.path.hasSuffix("/manifests/2") })
                }
            }
        }
    }

    @Test("Credentials are lent to what entries name now, and no more to what they named")
    func lending() async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: "me", password: "s3cret")) {
            upstream async throws in
            for name in ["up/kept", "up/former", "up/later"] as [RepositoryName] {
                for tag in ["1", "2"] as [TagName] { upstream.load(image, repository: name, tag: tag) }
            }
            try await Workspace.with { workspace async throws in
                let entry = { (name: String) in Entry(upstream.place(name), to: "127.0.0.1:1/\(name)", Entry.all) }
                try workspace.configure(entry("up/kept"), entry("up/former"))
                try prepare(workspace, entry("up/kept"), entry("up/later"))
                let prefix = "IMGLIFE_127_0_0_1_\(upstream.host.port ?? 0)"
                let path = { (name: String, tag: Int) in "up/\(name)/manifests/\(tag)?ns=\(upstream.host)" }
                let (lines, log) = try await statuses(
                    workspace,
                    environment: ["\(prefix)_USERNAME": "me", "\(prefix)_PASSWORD": "s3cret"],
                    before: [path("former", 1), path("later", 1)],
                    after: [path("kept", 1), path("former", 2), path("later", 1)]
                )
                #expect(lines == ["200", "403", "200", "403", "200"], "\(log)")
                let asked = upstream.requests.filter { $0.path.hasSuffix("up/former/manifests/2") }
                #expect(!asked.isEmpty && asked.allSatisfy { $0.headers["Authorization"] == nil })
            }
        }
    }
}
