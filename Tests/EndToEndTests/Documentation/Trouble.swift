import OCI
import TestSupport
import Testing

/// A trouble as the page on troubles has it, and how it is brought about.
struct Trouble: Sendable, CustomTestStringConvertible {
    /// As the page writes it; `…` stands for whatever.
    let message: String
    let act: @Sendable (Mirror) async throws -> ToolResult

    var testDescription: String { message }

    init(_ message: String, _ act: @escaping @Sendable (Mirror) async throws -> ToolResult) {
        self.message = message
        self.act = act
    }

    /// A run over a configuration; `$UP` and `$DOWN` are places in the two registries.
    init(_ message: String, configured text: String, _ command: String = "\"$imglife\" sync") {
        self.init(message) { mirror in
            try mirror.workspace.configure(Self.filled(text, mirror))
            return try await mirror.workspace.shell(command)
        }
    }

    /// A run in an environment.
    init(_ message: String, in environment: [String: String]) {
        self.init(message) { try await $0.workspace.run("sync", environment: environment) }
    }

    /// A run between registries that are made to answer in some way.
    init(_ message: String, when prepare: @escaping @Sendable (Mirror) -> Void) {
        self.init(message) { mirror in
            prepare(mirror)
            return try await mirror.workspace.run("sync")
        }
    }

    /// The variables with credentials of the upstream.
    static func upstreamVariable(_ mirror: Mirror, _ name: String) -> String {
        "IMGLIFE_127_0_0_1_\(mirror.upstream.host.port ?? 0)_\(name)"
    }

    private static func filled(_ text: String, _ mirror: Mirror) -> String {
        text.replacing("$UP", with: mirror.upstream.place("up/app"))
            .replacing("$DOWN", with: mirror.target.place("down/app"))
    }

    /// The messages of the page, in its order.
    static func documented() throws -> [String] {
        let rows = try DocumentedPage("docs/troubleshooting.md").text.split(separator: "\n")
            .filter { $0.hasPrefix("| `") }
        return rows.map { row in
            String(row.dropFirst("| `".count).prefix { $0 != "`" })
        }
    }

    /// Whether something that was said has the message in it.
    func isSaid(in text: String) -> Bool {
        var rest = text[...]
        for part in message.split(separator: "…") {
            guard let range = rest.firstRange(of: part) else { return false }
            rest = rest[range.upperBound...]
        }
        return true
    }
}
