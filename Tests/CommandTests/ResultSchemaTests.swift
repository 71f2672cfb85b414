import FoundationEssentials
import OCI
import TestSupport
import Testing

@testable import imglife

/// Every JSON document that a command prints is as its published schema says, and says nothing else.
@Suite(.timeLimit(.minutes(10)))
struct ResultSchemaTests {
    @Test("The published files are what the command prints", arguments: SchemaCommand.Document.allCases)
    func published(document: SchemaCommand.Document) async throws {
        let root = String(#filePath).split(separator: "/").dropLast(3).joined(separator: "/")
        let name = document == .configuration ? "imglife" : document.rawValue
        let file = try Files.text("/\(root)/docs/schema/\(name).schema.json")
        let printed = try await Tool.run(Tool.builtProduct("imglife"), ["schema", document.rawValue])
        #expect(file == printed.output)
        #expect(try JSONValue(parsing: Array(file.utf8))["properties"] != nil)
    }

    private static func check(
        _ result: ToolResult,
        _ document: SchemaCommand.Document,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let problems = try SchemaValidator(document.schema, isClosed: true).problems(result.output)
        #expect(problems == [], "\(result.output)\(result.errors)", sourceLocation: sourceLocation)
    }

    @Test("What the commands of the cache print is valid")
    func cache() async throws {
        try await FilledCache.with { registry in
            let image = SampleImage.image(labels: ["hostile": "\u{9B}2J\u{202E}"])
            registry.load(image, repository: "up/signed", tag: "1.0")
            let signature = SampleImage.artifact(of: image.top)
            registry.load(signature, repository: "up/signed", tag: try TagName("sha256-\(image.digest.hex).sig"))
        } _: { filled async throws in
            let json = ["--output", "json"]
            let reference = "\(filled.host)/up/app:1.0"
            try Self.check(try await filled.program(["cache", "stats"] + json), .cacheStats)
            try Self.check(try await filled.program(["cache", "ls"] + json), .cacheList)
            try Self.check(try await filled.program(["cache", "ls", "none"] + json), .cacheList)
            try Self.check(try await filled.program(["cache", "ls", "--sort", "size"] + json), .cacheList)
            try Self.check(try await filled.program(["inspect", reference] + json), .inspect)
            let hostile = try await filled.program(["inspect", "\(filled.host)/up/signed:1.0"] + json)
            try Self.check(hostile, .inspect)
            #expect(hostile.output.unicodeScalars.allSatisfy { $0 == "\n" || !$0.isUnsafeToDisplay })
            #expect(hostile.output.contains("\"artifact_type\"") && hostile.output.contains("\\u009b2J\\u202e"))
            try Self.check(try await filled.program(["cache", "verify"] + json), .cacheVerify)
            try Self.check(try await filled.program(["cache", "stats"] + json), .cacheStats)
            let layer = try #require(filled.image.blobs.first { $0.descriptor.size == 40_000 }).descriptor.digest
            try Files.remove("\(filled.path)/store/blobs/sha256/\(layer.hex)")
            let damaged = try await filled.program(["cache", "verify", "--repair"] + json)
            try Self.check(damaged, .cacheVerify)
            #expect(damaged.output.contains("\"fault\" : \"missing\""))
            try Self.check(try await filled.program(["cache", "rm", "--dry-run", reference] + json), .cacheRemove)
            let removed = try await filled.program(["cache", "rm", reference, "*/none"] + json)
            try Self.check(removed, .cacheRemove)
            #expect(removed.output.contains("\"until\""))
            try Self.check(try await filled.program(["cache", "gc"] + json), .cacheCollect)
            try Self.check(
                try await filled.program(["cache", "gc", "--max-size", "1KiB", "--grace", "0s"] + json),
                .cacheCollect
            )
        }
    }

    @Test("What export, import and version print is valid")
    func archives() async throws {
        try await FilledCache.with { filled async throws in
            let json = ["--output", "json"]
            let export = ["export", "--offline", "-o", "bundle.tar", "\(filled.host)/up/app:1.0"] + json
            try Self.check(try await filled.program(export), .export)
            let other = ["--cache-dir", "\(filled.path)/other"]
            try Self.check(try await filled.program(["import", "bundle.tar"] + other + json), .import)
            try Self.check(try await filled.program(["import", "bundle.tar"] + other + json), .import)
            try Files.write("no archive", to: "\(filled.path)/wrong.tar")
            let refused = try await filled.program(["import", "wrong.tar"] + other + json)
            #expect(refused.status == 1)
            try Self.check(refused, .import)
            try Self.check(try await filled.program(["version"] + json), .version)
        }
    }

    @Test("The report of a run has what became of its hooks")
    func hooks() async throws {
        try await FilledCache.with { filled async throws in
            let file = "\(filled.path)/sync.yaml"
            let commands = "{cmd: exit 3, continue_on_error: true}, {cmd: exit 4}, {cmd: 'true'}"
            let hooks = "sync: {hooks: {post_sync: [\(commands)]}, "
            try Files.write(try Files.text(file).replacing("sync: {", with: hooks), to: file)
            let result = try await filled.program(["sync", "-c", "sync.yaml", "--output", "json"])
            #expect(result.status == 1)
            try Self.check(result, .report)
            let told = try JSONValue(parsing: result.stdout)["hooks"]?.elements ?? []
            #expect(told.map { $0["status"]?.string } == ["failure", "failure", "skipped"])
            #expect(told.map { $0["ignored"]?.bool } == [true, false, false])
        }
    }
}
