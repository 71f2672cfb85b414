import NIOCore
import OCI
import TestSupport
import Testing

/// What export and import say, to people and to programs.
@Suite(.timeLimit(.minutes(10)))
struct AirGapMessageTests {
    private static let images = (1...3).map { SampleImage.multiPlatform(seed: UInt64($0), layerSize: 70_000) }

    /// A workspace whose configuration mirrors some tags, and the registry that has them.
    private static func with(
        _ names: [String] = ["1", "2", "3"],
        _ body: (Workspace, ScriptedRegistry) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            for (name, image) in zip(names, images) {
                upstream.load(image, repository: "up/app", tag: try TagName(name))
            }
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(upstream.place("up/app"), to: upstream.place("down/app"), Entry.all))
                try await body(workspace, upstream)
            }
        }
    }

    private static func succeed(_ result: ToolResult) throws -> ToolResult {
        try #require(result.status == 0, "\(result.output)\(result.errors)")
        return result
    }

    @Test("Volumes that come together in one command leave nothing to be awaited, in text and in the one JSON document")
    func volumesTogether() async throws {
        try await Self.with { workspace, _ async throws in
            _ = try Self.succeed(
                await workspace.run("export", "-o", "a.tar", "--volume-size", "100KiB", "--progress", "none")
            )
            let volumes = try Files.list(workspace.path).filter { $0.hasPrefix("a.") }
            #expect(volumes.count > 2)
            for format in ["text", "json"] {
                let options = ["--cache-dir", "far-\(format)", "--progress", "none", "--output", format]
                let result = try Self.succeed(
                    await workspace.launch([Workspace.program, "import"] + volumes.reversed() + options)
                )
                #expect(!result.output.contains("still missing") && !result.output.contains("waiting"))
                guard format == "json" else { continue }
                let document = try JSONValue(parsing: ByteBuffer(string: result.output))
                let archives = try #require(document["archives"]?.elements)
                #expect(archives.count == volumes.count)
                #expect(archives.allSatisfy { $0["volumes"]?.members == nil })
                let images = archives.flatMap { $0["images"]?.elements ?? [] }
                #expect(images.count { $0["status"]?.string == "added" } == Self.images.count)
                #expect(images.allSatisfy { $0["status"]?.string != "waiting" })
            }
        }
    }

    @Test("Images without a name are counted and named, and so is what is no image; what is refused stays one document")
    func unnamed() async throws {
        try await Workspace.with { workspace async throws in
            let images = (1...3).map { SampleImage.image(layers: [.init(seed: UInt64($0), size: 2000)]) }
            for part in images.flatMap({ $0.blobs + $0.manifests }) {
                try Files.write(
                    part.source.buffer,
                    to: "\(workspace.path)/layout/blobs/sha256/\(part.descriptor.digest.hex)"
                )
            }
            let entries = images.enumerated().map { number, image in
                let name = number == 0 ? #""annotations":{"io.containerd.image.name":"example.com/a:1"},"# : ""
                return
                    #"{\#(name)"mediaType":"\#(image.top.mediaType)","digest":"\#(image.digest)","size":\#(image.top.size)}"#
            }
            let foreign = #"{"mediaType":"text/plain","digest":"\#(Digest.of(ByteBuffer()))","size":0}"#
            try Files.write(#"{"imageLayoutVersion":"1.0.0"}"#, to: "\(workspace.path)/layout/oci-layout")
            try Files.write(
                #"{"schemaVersion":2,"manifests":[\#((entries + [foreign]).joined(separator: ","))]}"#,
                to: "\(workspace.path)/layout/index.json"
            )
            let nameless = images.dropFirst().map(\.digest).sorted()
            let text = try Self.succeed(await workspace.run("import", "layout", "--cache-dir", "far"))
            let named = "2 images without a name (\(nameless.map(\.description).joined(separator: ", "))) left out"
            #expect(text.output.contains(named), "\(text.output)")
            #expect(text.output.contains("1 entry ignored, which are no images"), "\(text.output)")
            try Files.write("none", to: "\(workspace.path)/broken.tar")
            let json = try await workspace.run(
                "import",
                "layout",
                "broken.tar",
                "--cache-dir",
                "far",
                "--output",
                "json"
            )
            #expect(json.status == 1)
            let document = try JSONValue(parsing: ByteBuffer(string: json.output))
            let archives = try #require(document["archives"]?.elements)
            #expect(archives.count == 2 && archives[1]["error"]?.string != nil)
            #expect(archives[0]["unnamed"]?.integer == 2)
            #expect(archives[0]["unnamed_digests"]?.elements?.map(\.string) == nameless.map(\.description))
        }
    }

    @Test("An export names every image and every entry that failed, and writes nothing")
    func everyFailure() async throws {
        try await Self.with { workspace, upstream async throws in
            let place = upstream.place("up/")
            let images = try await workspace.run(
                "export",
                "-o",
                "a.tar",
                place + "app:1",
                place + "app:8",
                place + "app:9",
                "--progress",
                "none"
            )
            #expect(images.status == 1)
            #expect(
                images.errors.contains("\(place)app:8") && images.errors.contains("\(place)app:9"),
                "\(images.errors)"
            )
            try workspace.configure(
                Entry(place + "app", to: upstream.place("down/app"), Entry.all),
                Entry(place + "absent", to: upstream.place("down/absent"), Entry.all),
                Entry(place + "gone", to: upstream.place("down/gone"), Entry.all)
            )
            let entries = try await workspace.run("export", "-o", "a.tar", "--progress", "none")
            #expect(entries.status == 1)
            #expect(
                entries.errors.contains("\(place)absent") && entries.errors.contains("\(place)gone"),
                "\(entries.errors)"
            )
            #expect(try Files.list(workspace.path).allSatisfy { !$0.hasPrefix("a.tar") })
        }
    }

    @Test(
        "A receipt comes from standard input or through a pipe",
        arguments: [
            "cat held.json | \"$imglife\" export -o b.tar --since -",
            "\"$imglife\" export -o b.tar --since - <held.json",
            "mkfifo pipe; cat held.json >pipe & \"$imglife\" export -o b.tar --since pipe",
        ]
    )
    func receiptThroughPipe(command: String) async throws {
        try await Self.with { workspace, upstream async throws in
            _ = try Self.succeed(await workspace.run("export", "-o", "a.tar", "--progress", "none"))
            _ = try Self.succeed(
                await workspace.run(
                    "import",
                    "a.tar",
                    "--receipt",
                    "held.json",
                    "--cache-dir",
                    "far",
                    "--progress",
                    "none"
                )
            )
            let result = try Self.succeed(await workspace.shell(command))
            #expect(result.lines.contains { $0.hasPrefix("left out ") }, "\(result.output)")
            let held = try await workspace.shell("\"$imglife\" import - --receipt - --cache-dir far <a.tar")
            #expect(held.stdout.elementsEqual(try Files.read("\(workspace.path)/held.json").readableBytesView))
        }
    }

    @Test("Where nobody can be told of an import its receipt is written all the same")
    func unread() async throws {
        try await Self.with { workspace, _ async throws in
            _ = try Self.succeed(await workspace.run("export", "-o", "a.tar", "--progress", "none"))
            let command = "\"$imglife\" import a.tar --receipt held.json --cache-dir far --progress none >/dev/full"
            let result = try await workspace.shell(command)
            #expect(result.status == 1)
            #expect(result.errors.contains("standard output: No space left on device"), "\(result.errors)")
            #expect(Files.exists("\(workspace.path)/held.json"))
        }
    }

    @Test("An import that is stopped tells what its earlier archives have brought", .requires(.tool("mkfifo")))
    func stopped() async throws {
        try await Self.with { workspace, upstream async throws in
            _ = try Self.succeed(await workspace.run("export", "-o", "a.tar", "--progress", "none"))
            // The pipe can be opened once the import has come to it.
            let result = try await workspace.shell(
                """
                mkfifo pipe; "$imglife" import a.tar pipe --cache-dir far --progress none >told &
                exec 3>pipe; kill -TERM $!; wait $!; echo $?; cat told
                """
            )
            #expect(result.lines.first == "143", "\(result.errors)")
            for name in ["1", "2", "3"] { #expect(result.output.contains("\(upstream.place("up/app")):\(name)  ")) }
        }
    }

    @Test(
        "Where there is neither a configuration nor a cache, --cache-dir is named",
        arguments: [["export", "-o", "a.tar"], ["export", "-o", "a.tar", "--offline"], ["receipt"]]
    )
    func nothingThere(arguments: [String]) async throws {
        try await Workspace.with { workspace async throws in
            let result = try await workspace.launch([Workspace.program] + arguments)
            #expect(result.status != 0)
            #expect(result.errors.contains("--cache-dir"), "\(result.errors)")
            #expect(try Files.list(workspace.path).isEmpty)
        }
    }
}
