import FoundationEssentials
import Lifecycle
import OCI
import Sync
import TestSupport

/// A source, a target and an end-of-life service on loopback, and the built program that works with them.
struct EOLMirror: Sendable {
    let source: ScriptedRegistry
    let target: ScriptedRegistry
    let service: ScriptedRegistry
    let path: String

    static func with(_ body: (EOLMirror) async throws -> Void) async throws {
        try await TemporaryDirectory.with { path in
            try await ScriptedRegistry.with { source in
                try await ScriptedRegistry.with { target in
                    try await ScriptedRegistry.with { service in
                        try await body(EOLMirror(source: source, target: target, service: service, path: path))
                    }
                }
            }
        }
    }

    static let alpine: RepositoryName = "library/alpine"
    static let mirrored: RepositoryName = "mirrors/alpine"

    var dataFile: String { "\(path)/eol-data.yaml" }

    /// A date so many days from today, as the service writes it.
    static func date(inDays days: Double) -> String {
        CalendarDate(utc: Date().addingTimeInterval(days * 86_400)).description
    }

    /// One entry for alpine, tracked or not.
    func configure(lifecycle: String = "", product: String? = "alpine", more: String = "") throws {
        let tracking = product.map { ", lifecycle: {product: \($0), track: minor}" } ?? ""
        try Files.write(
            """
            lifecycle: {eol_url: "\(service.url)"\(lifecycle)}
            sync:
              entries:
                - {source: \(source.host)/\(Self.alpine), target: \(target.host)/\(Self.mirrored), tag_regex: '^3'\(tracking)}
            \(more)
            """,
            to: "\(path)/imglife.yaml"
        )
    }

    func load(_ tags: TagName..., into registry: ScriptedRegistry, _ repository: RepositoryName) {
        for tag in tags { registry.load(SampleImage.image(), repository: repository, tag: tag) }
    }

    /// Lets the service know a product.
    func serve(_ rows: String, product: String = "alpine") {
        let match = RequestMatch("GET", .exactly("/api/\(product).json"), times: nil)
        service.script(match, .reply(.json(200, rows, headers: ["ETag": #""v1""#])))
    }

    /// 3.18 ended on a day, 3.19 ended, 3.20 ends in 30 days, 3.21 is supported.
    func serveAlpine() {
        serve(
            """
            [{"cycle": "3.21", "eol": false, "latest": "3.21.5", "latestReleaseDate": "2025-10-08", "lts": false},
             {"cycle": "3.20", "eol": "\(Self.date(inDays: 30))", "latest": "3.20.6"},
             {"cycle": "3.19", "eol": true},
             {"cycle": "3.18", "eol": "2025-05-09", "latest": "3.18.12"}]
            """
        )
    }

    func run(_ arguments: String...) async throws -> ToolResult {
        try await Tool.run(
            "env",
            ["--chdir=\(path)", "--", Tool.builtProduct("imglife")] + arguments,
            environment: ["PATH": "/usr/bin:/bin", "HOME": path, "IMGLIFE_RETRY_INITIAL_DELAY": "1ms"],
            inheritsEnvironment: false
        )
    }
}
