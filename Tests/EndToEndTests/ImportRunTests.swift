import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// `imglife import` and `imglife receipt` as a user runs them.
@Suite(.timeLimit(.minutes(10)))
struct ImportRunTests {
    private static let image = SampleImage.multiPlatform(layerSize: 400_000)
    private static let name = "registry.example.com/up/app"

    /// A layout's directory, and the same as a tar archive made by tar(1).
    private static func makeArchive(_ images: [SampleImage], in workspace: Workspace) async throws {
        let layout = "\(workspace.path)/layout"
        try Files.write(#"{"imageLayoutVersion":"1.0.0"}"#, to: "\(layout)/oci-layout")
        let entries = images.enumerated().map { number, image in
            #"{"mediaType":"\#(image.top.mediaType)","digest":"\#(image.digest)","size":\#(image.top.size),"#
                + #""annotations":{"org.opencontainers.image.ref.name":"\#(name):\#(number)"}}"#
        }
        let index = #"{"schemaVersion":2,"manifests":["# + entries.joined(separator: ",") + "]}"
        try Files.write(index, to: "\(layout)/index.json")
        for part in images.flatMap({ $0.blobs + $0.manifests }) {
            let digest = part.descriptor.digest
            try Files.write(part.source.buffer, to: "\(layout)/blobs/\(digest.algorithm.rawValue)/\(digest.hex)")
        }
        try await Tool.check("tar", ["-C", layout, "-cf", "\(workspace.path)/a.tar", "."])
    }

    private static func withArchive(
        _ images: [SampleImage] = [image],
        _ body: (Workspace, CacheFiles) async throws -> Void
    ) async throws {
        try await Workspace.with { workspace async throws in
            var workspace = workspace
            workspace.environment["IMGLIFE_CACHE_DIR"] = "\(workspace.path)/store"
            try await makeArchive(images, in: workspace)
            try await body(workspace, CacheFiles(path: "\(workspace.path)/store"))
        }
    }

    @Test("A tar archive, a directory, gzip and standard input give the same cache, and a receipt of it")
    func forms() async throws {
        try await Self.withArchive { workspace, files async throws in
            let expected = ["\(Self.name):0": Self.image.digest]
            let first = try await workspace.run("import", "a.tar", "--receipt", "r.json", "--progress", "none")
            #expect(first.status == 0, "\(first.errors)")
            #expect(first.output.hasPrefix("\(Self.name):0  \(Self.image.digest)  added\na.tar: 8 new blobs, "))
            #expect(try files.images() == expected)
            let receipt = try await workspace.run("receipt")
            #expect(receipt.stdout == Array(try Files.read("\(workspace.path)/r.json").readableBytesView))
            #expect(receipt.output.contains("\(Self.image.digest)"))
            for command in ["import layout", "import - <a.tar", "import --output json <a.tar -"] {
                let again = try await workspace.shell("\"$imglife\" \(command)")
                #expect(again.status == 0, "\(again.errors)")
                #expect(again.output.contains("unchanged"))
            }
            let other = ["IMGLIFE_CACHE_DIR": "\(workspace.path)/other"]
            let compressed = try await workspace.shell("gzip -c a.tar | \"$imglife\" import -", environment: other)
            #expect(compressed.status == 0, "\(compressed.errors)")
            #expect(try CacheFiles(path: "\(workspace.path)/other").images() == expected)
        }
    }

    @Test("One refused archive is one line and does not keep the other from being imported")
    func refused() async throws {
        try await Self.withArchive { workspace, files async throws in
            try Files.write("no archive", to: "\(workspace.path)/b.tar")
            let result = try await workspace.run("import", "b.tar", "a.tar", "gone.tar", "--progress", "none")
            #expect(result.status == 1)
            #expect(result.errorLines.count == 2, "\(result.errors)")
            #expect(result.errorLines.first?.hasPrefix("error: cannot import b.tar: ") == true)
            #expect(result.errorLines.last == "error: cannot read gone.tar: No such file or directory")
            #expect(try files.images().count == 1)
        }
    }

    @Test("An index of which some platforms are there is imported with a warning that names the others")
    func sparse() async throws {
        try await Self.withArchive { workspace, files async throws in
            try Files.remove("\(workspace.path)/layout/blobs/sha256/\(Self.image.manifests[1].descriptor.digest.hex)")
            let result = try await workspace.run("import", "layout", "--output", "json", "--progress", "none")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.errorLines.count == 1 && result.errors.contains("WARNING"), "\(result.errors)")
            #expect(result.errors.contains("holds=linux/amd64") && result.errors.contains("lacks=linux/arm64/v8"))
            let image = try JSONValue(parsing: result.stdout)["archives"]?.elements?.first?["images"]?.elements?.first
            #expect(image?["absent_platforms"]?.elements?.map(\.string) == ["linux/arm64/v8"])
            #expect(try files.images() == ["\(Self.name):0": Self.image.manifests[0].descriptor.digest])
        }
    }

    @Test("The limit on the cache's size is kept after an import too")
    func limit() async throws {
        try await Self.withArchive { workspace, files async throws in
            let entry = Entry("registry.example.com/up/app", to: "registry.example.com/down/app", Entry.all)
            try workspace.configure(entry, head: "cache: {max_size: 100KiB}\n")
            let result = try await workspace.run("import", "a.tar", "--progress", "none")
            #expect(result.status == 0)
            // What has just been imported stays.
            #expect(result.errors.contains("the cache is larger than cache.max_size"), "\(result.errors)")
            #expect(try files.images().count == 1)
        }
    }

    @Test(
        "A receipt replaces an earlier one or an empty file, and nothing else",
        arguments: ["receipt -o", "import a.tar --progress none --receipt"]
    )
    func receiptPlace(command: String) async throws {
        try await Self.withArchive([Self.image]) { workspace, _ async throws in
            let place = { (name: String) in "\(workspace.path)/\(name)" }
            let first = try await workspace.run("import", "a.tar", "--receipt", "r.json", "--progress", "none")
            #expect(first.status == 0, "\(first.errors)")
            try Files.write("", to: place("empty"))
            try Files.write("{\"version\":1}", to: place("other"))
            for name in ["r.json", "empty", "new"] {
                let result = try await workspace.shell("\"$imglife\" \(command) \(name)")
                #expect(result.status == 0, "\(result.errors)")
                #expect(try Files.read(place(name)) == Files.read(place("r.json")))
            }
            for name in ["a.tar", "other", "store/index.json"] {
                let before = try Files.read(place(name))
                let result = try await workspace.shell("\"$imglife\" \(command) \(name)")
                #expect(result.status == 64)
                #expect(result.errors.contains("\(name) is there and is no receipt"), "\(result.errors)")
                #expect(try Files.read(place(name)) == before)
            }
        }
    }

    @Test(
        "Bad usage ends with 64",
        arguments: [["import"], ["import", "-", "-"], ["import", "a", "--as", "Not A Name"], ["receipt", "-o"]]
    )
    func usage(arguments: [String]) async throws {
        let result = try await Tool.run(Tool.builtProduct("imglife"), arguments)
        #expect(result.status == 64, "\(result.output)\(result.errors)")
    }

    @Test("An import may be killed at any time: nothing is half visible, and the next one finishes")
    func killed() async throws {
        let images = (1...6).map { SampleImage.multiPlatform(seed: UInt64($0), layerSize: 900_000) }
        try await Self.withArchive(images) { workspace, files async throws in
            let expected = Dictionary(
                uniqueKeysWithValues: images.enumerated().map { ("\(Self.name):\($0)", $1.digest) }
            )
            var killed = 0
            for step in 1...24 {
                let seconds = "\(Double(step) * 0.02)"
                let result = try await workspace.launch(
                    ["timeout", "-s", "KILL", seconds, Workspace.program, "import", "a.tar", "--progress", "none"]
                )
                killed += result.status == 137 ? 1 : 0
                guard Files.exists("\(files.path)/index.json") else { continue }
                #expect(try files.wrongBlobs() == [])
                let digests = try files.digests()
                for (name, digest) in try files.images() {
                    #expect(expected[name] == digest && digests.contains(digest))
                }
            }
            #expect(killed > 0)
            let last = try await workspace.run("import", "a.tar", "--progress", "none")
            #expect(last.status == 0, "\(last.errors)")
            #expect(try files.images() == expected)
            #expect(try files.wrongBlobs() == [])
            #expect(try files.digests().isSuperset(of: images.flatMap(\.blobs).map(\.descriptor.digest)))
            #expect(try files.partials().filter { !$0.hasPrefix("staged-") } == [])
            #expect(try Files.list("\(files.path)/leases") == [])
        }
    }

    @Test(
        "A disk that is too small is one line, leaves nothing behind, and a smaller archive still fits",
        .requires(.mounting)
    )
    func diskFull() async throws {
        let large = SampleImage.image(layers: (1...10).map { .init(seed: $0, size: 1 << 20) })
        try await Self.withArchive([large]) { workspace, _ async throws in
            try await Tool.check("cp", ["\(workspace.path)/a.tar", "\(workspace.path)/large.tar"])
            try await Tool.check("rm", ["-r", "\(workspace.path)/layout"])
            try await Self.makeArchive([Self.image], in: workspace)
            let result = try await workspace.shell(
                """
                export imglife; exec unshare -m sh -c '
                    mkdir -p small && mount -t tmpfs -o size=6m none small || exit 99
                    "$imglife" import --cache-dir small/cache --progress none large.tar && exit 98
                    ls small/cache/ingest small/cache/blobs/sha256
                    "$imglife" import --cache-dir small/cache --progress none a.tar || exit 97'
                """
            )
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.errorLines.count == 1, "\(result.errors)")
            let text = #/cannot import into small/cache: it takes [\d.]+ .iB there, [\d.]+ .iB are free on its disk/#
            #expect(result.errors.contains(text), "\(result.errors)")
            #expect(result.output.hasPrefix("small/cache/blobs/sha256:\n\nsmall/cache/ingest:\n\(Self.name):0"))
        }
    }
}
