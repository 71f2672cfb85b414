import OCI
import TestSupport
import Testing

/// The tutorial, followed line by line against stand-ins for the registries that it names.
@Suite(.requires(.tool("openssl")), .timeLimit(.minutes(10)))
struct TutorialTests {
    private static func page(_ name: String) throws -> String {
        try DocumentedPage("docs/\(name)").text
    }

    /// The lines behind `$ ` of console blocks that call the program and nothing else.
    private static func commands(_ page: String) -> [String] {
        page.split(separator: "\n").filter { $0.hasPrefix("$ imglife ") }.map { String($0.dropFirst(2)) }
    }

    private static func with(_ body: (GuideMirror, String) async throws -> Void) async throws {
        try await GuideMirror.with { guide async throws in
            let registries = guide.configuration.split(separator: "\nregistries:")[1].split(separator: "\nregistry:")[0]
            _ = try await guide.workspace.launch(["mkdir", "bin"])
            _ = try await guide.workspace.launch(["ln", "-s", Workspace.program, "bin/imglife"])
            var guide = guide
            guide.workspace.environment["PATH"] = "\(guide.workspace.path)/bin:/usr/bin:/bin"
            try await body(guide, "\nregistries:\(registries)\n")
        }
    }

    @Test("Every line of it does what it says")
    func tutorial() async throws {
        try await Self.with { guide, registries async throws in
            let page = try Self.page("tutorial.md")
            try Files.remove("\(guide.workspace.path)/imglife.yaml")
            let commands = Self.commands(page)
            #expect(commands.count >= 10, "\(commands)")
            var outputs: [String: String] = [:]
            for command in commands {
                let result = try await guide.workspace.shell(command)
                #expect(result.status == 0, "\(command): \(result.output)\(result.errors)")
                outputs[command] = result.output
                guard command.hasPrefix("imglife init") else { continue }
                let file = "\(guide.workspace.path)/imglife.yaml"
                let written = try Files.text(file)
                let isShown = page.contains("```yaml\n\(written)```\n") || page.contains("```yaml\n\(written)\n```\n")
                #expect(isShown, "\(written)")
                try Files.write(written + registries, to: file)
            }
            #expect(outputs["imglife sync"]?.contains("├─ Up-to-date                     2\n") == true, "\(outputs)")
            #expect(outputs["imglife sync --dry-run"]?.contains("would copy docker.io/library/alpine:3.21 ") == true)
            #expect(outputs["imglife cache ls"]?.contains("docker.io/library/alpine:3.21 ") == true)
            #expect(outputs["imglife inspect alpine:3.21"]?.contains("linux/s390x") == true)
            #expect(guide.target.store.repositories.contains("mirrors/prometheus/node-exporter"))
            #expect(Files.exists("\(guide.workspace.path)/imglife.prom"))
        }
    }

    @Test("The recipe for an air gap brings over what it says")
    func airGap() async throws {
        try await Self.with { guide, registries async throws in
            try guide.workspace.configure(
                """
                sync:
                  entries:
                    - {source: docker.io/library/alpine, tag: '3.21', target: registry.example.com/mirrors/alpine}
                \(registries)
                """
            )
            let page = try Self.page("recipes/air-gap.md")
            for command in Self.commands(page) {
                // The other side has a cache of its own.
                let isThere = command.contains("import") || command.contains("--offline")
                let cache = isThere ? "IMGLIFE_CACHE_DIR=there " : ""
                let result = try await guide.workspace.shell(cache + command)
                #expect(result.status == 0, "\(command): \(result.output)\(result.errors)")
            }
            #expect(guide.target.store.tags(of: "mirrors/alpine").count == 1)
        }
    }
}
