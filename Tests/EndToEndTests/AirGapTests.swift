import OCI
import TestSupport
import Testing

/// The whole way: a cache with a network, media, a cache without one, a registry over there.
@Suite(.timeLimit(.minutes(10)))
struct AirGapTests {
    private static let images = (1...3).map { SampleImage.multiPlatform(seed: UInt64($0), layerSize: 70_000) }

    /// The two sides in one directory, with a configuration that both use.
    private struct Sides {
        let workspace: Workspace
        let upstream: ScriptedRegistry
        let target: ScriptedRegistry

        /// Runs on the side that has a network.
        func near(_ arguments: String) async throws -> ToolResult { try await run(arguments, cache: "near") }

        /// Runs on the side that has none.
        func far(_ arguments: String) async throws -> ToolResult { try await run(arguments, cache: "far") }

        /// What the side without a network has.
        func farList() async throws -> String {
            try await workspace.shell("\"$imglife\" --cache-dir far cache ls --output json").output
        }

        var far: CacheFiles { CacheFiles(path: "\(workspace.path)/far") }

        private func run(_ arguments: String, cache: String) async throws -> ToolResult {
            let result = try await workspace.shell("\"$imglife\" --cache-dir \(cache) \(arguments) --progress none")
            #expect(result.status == 0, "\(arguments): \(result.output)\(result.errors)")
            return result
        }

        /// Mirrors on the near side, into a registry that is there alone.
        func sync() async throws {
            try await ScriptedRegistry.with { nearby async throws in
                let entry = Entry(upstream.place("up/app"), to: nearby.place("down/app"), Entry.all)
                try Files.write("sync:\n  entries:\n\(entry.text)", to: "\(workspace.path)/near.yaml")
                _ = try await near("sync -c near.yaml")
            }
        }

        func expectMirrored(_ images: [SampleImage]) async throws {
            upstream.forgetRequests()
            _ = try await far("sync --offline")
            #expect(upstream.requests.isEmpty)
            for (number, image) in images.enumerated() {
                #expect(target.store.digest(of: try TagName("1.\(number)"), in: "down/app") == image.digest)
            }
        }
    }

    private static func with(_ body: (Sides) async throws -> Void) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            for (number, image) in images.dropLast().enumerated() {
                upstream.load(image, repository: "up/app", tag: try TagName("1.\(number)"))
            }
            try await ScriptedRegistry.with { target async throws in
                try await Workspace.with { workspace async throws in
                    try workspace.configure(Entry(upstream.place("up/app"), to: target.place("down/app"), Entry.all))
                    let sides = Sides(workspace: workspace, upstream: upstream, target: target)
                    try await sides.sync()
                    try await body(sides)
                }
            }
        }
    }

    @Test("Of two entries of one source each tag is exported as the entry that selects it wants it")
    func ownEntry() async throws {
        try await Self.with { sides async throws in
            let (source, target) = (sides.upstream.place("up/app"), sides.target.place("down/app"))
            try sides.workspace.configure(
                Entry(source, to: target, "tag: '1.0'", "platforms: [linux/amd64]"),
                Entry(source, to: target, "tag: '1.1'")
            )
            _ = try await sides.workspace.shell("rm -rf near")
            _ = try await sides.near("export -o a.tar")
            _ = try await sides.far("import a.tar")
            _ = try await sides.far("sync --offline")
            let amd64 = Self.images[0].manifests[0].descriptor.digest
            #expect(sides.target.store.tags(of: "down/app") == ["1.0": amd64, "1.1": Self.images[1].digest])
        }
    }

    @Test("An entry that is named is exported as itself, though another wants more of the same tag")
    func namedEntry() async throws {
        try await Self.with { sides async throws in
            let source = sides.upstream.place("up/app")
            try sides.workspace.configure(
                Entry(source, to: sides.target.place("down/edge"), "tag: '1.0'", "platforms: [linux/amd64]"),
                Entry(source, to: sides.target.place("down/all"), "tag: '1.0'")
            )
            _ = try await sides.workspace.shell("rm -rf near")
            _ = try await sides.near("export --entry '*/edge' -o a.tar")
            _ = try await sides.far("import a.tar")
            let amd64 = Self.images[0].manifests[0].descriptor.digest
            let list = try await sides.farList()
            #expect(list.contains("\(amd64)") && !list.contains("\(Self.images[0].digest)"))
        }
    }

    @Test("What was imported is passed on as it is, whatever the target has been given before")
    func relay() async throws {
        try await Self.with { sides async throws in
            _ = try await sides.near("export -o first.tar")
            _ = try await sides.far("import first.tar")
            _ = try await sides.far("sync --offline")
            sides.upstream.load(Self.images[2], repository: "up/app", tag: "1.0")
            _ = try await sides.workspace.shell("rm -rf near")
            _ = try await sides.near("export --entry '*' -o second.tar")
            _ = try await sides.far("import second.tar")
            sides.upstream.forgetRequests()
            _ = try await sides.far("export \(sides.upstream.place("up/app")):1.0 -o third.tar")
            #expect(sides.upstream.requests.isEmpty)
        }
    }

    @Test("A tag that moved to what the target had already is exported as it is now")
    func movedElsewhere() async throws {
        try await Self.with { sides async throws in
            let entry = Entry(
                sides.upstream.place("up/app"),
                to: sides.target.place("down/app"),
                "tag: '1.0'",
                "check_digest: true"
            )
            try sides.workspace.configure(entry)
            _ = try await sides.near("sync")
            let moved = Self.images[2]
            sides.upstream.load(moved, repository: "up/app", tag: "1.0")
            sides.target.load(moved, repository: "down/app", tag: "other")
            _ = try await sides.near("sync")
            _ = try await sides.near("export --entry '*' -o a.tar")
            _ = try await sides.far("import a.tar")
            #expect(try await sides.farList().contains("\(moved.digest)"))
        }
    }

    @Test("An archive brings the tags to the far registry; the next one, made with the receipt, brings what is new")
    func incremental() async throws {
        try await Self.with { sides async throws in
            _ = try await sides.near("export -o first.tar")
            _ = try await sides.far("import first.tar --receipt held.json")
            try await sides.expectMirrored(Array(Self.images.dropLast()))

            sides.upstream.load(Self.images[2], repository: "up/app", tag: "1.2")
            try await sides.sync()
            _ = try await sides.near("export -o second.tar --since held.json")
            let lines = try await Tool.check("tar", ["-tf", "\(sides.workspace.path)/second.tar"]).output
            let new = Self.images[2].blobs + Self.images[2].manifests
            #expect(lines.split(separator: "\n").count { $0.hasPrefix("blobs/") && $0.utf8.count > 20 } == new.count)
            let result = try await sides.far("import second.tar")
            #expect(result.output.contains("second.tar: \(new.count) new blobs, "), "\(result.output)")
            try await sides.expectMirrored(Self.images)
            #expect(try sides.far.wrongBlobs() == [])

            // Where the first one never came, the second names what it lacks.
            let elsewhere = try await sides.workspace.run("--cache-dir", "elsewhere", "import", "second.tar")
            #expect(elsewhere.status == 1)
            #expect(elsewhere.errors.contains("blobs that this cache does not have, because of the receipt sha256:"))
            #expect(try CacheFiles(path: "\(sides.workspace.path)/elsewhere").digests().isEmpty)
        }
    }

    @Test("Signed volumes, cut smaller than a layer, may come in any order")
    func volumes() async throws {
        try await Self.with { sides async throws in
            _ = try await sides.workspace.run("keygen", "-o", "mirror.key")
            _ = try await sides.near("export -o set.tar --volume-size 64KiB --sign mirror.key")
            let names = try Files.list(sides.workspace.path).filter { $0.hasPrefix("set.") }
            #expect(names.count > 3)
            for (number, name) in names.reversed().enumerated() {
                let result = try await sides.far("import \(name) --verify-key mirror.key.pub")
                let isLast = number == names.count - 1
                #expect(result.output.contains("still missing of \(names.count) volumes") != isLast, "\(result.output)")
            }
            #expect(try sides.far.images().values.sorted() == Self.images.dropLast().map(\.digest).sorted())
            #expect(try sides.far.partials() == [])
            try await sides.expectMirrored(Array(Self.images.dropLast()))
        }
    }

    @Test(
        "What refers to an image goes along, whether a sync or the export fetched it, and is pushed on the far side",
        arguments: [true, false],
        [true, false]
    )
    func referrers(isSynced: Bool, hasInterface: Bool) async throws {
        let image = Self.images[0]
        let signature = SampleImage.artifact(of: image.top)
        try await withReferrers(of: image, targetHasInterface: hasInterface) { sides in
            sides.upstream.load(signature, repository: "up/app")
            if isSynced { _ = try await sides.near("sync") }
            _ = try await sides.near("export --entry '*/up/app' -o bundle.tar")
            for name in sides.target.store.repositories { sides.target.store.remove(try RepositoryName(name)) }
            _ = try await sides.far("import bundle.tar")
            sides.upstream.forgetRequests()
            _ = try await sides.far("sync --offline")
            #expect(sides.upstream.requests.isEmpty)
            let holdsAll = [image, signature].allSatisfy { sides.target.store.holds($0, repository: "down/app") }
            #expect(holdsAll)
            let fallback = try image.digest.referrersTag
            #expect((sides.target.store.digest(of: fallback, in: "down/app") == nil) == hasInterface)
        }
    }

    @Test(
        "An image, its bill of materials and that one's signature reach the far registry whole",
        arguments: ["one archive", "volumes", "--since"]
    )
    func chain(_ way: String) async throws {
        let image = Self.images[0]
        let bill = SampleImage.artifact(of: image.top, content: "bill")
        let signature = SampleImage.artifact(of: bill.top, content: "signature")
        try await withReferrers(of: image) { sides in
            var more = ""
            if way == "--since" {
                _ = try await sides.near("sync")
                _ = try await sides.near("export -o first.tar")
                _ = try await sides.far("import first.tar --receipt held.json")
                more = "--since held.json"
            }
            for referrer in [bill, signature] { sides.upstream.load(referrer, repository: "up/app") }
            _ = try await sides.near("sync")
            if way == "volumes" { more = "--volume-size 80KiB" }
            _ = try await sides.near("export -o bundle.tar \(more)")
            for name in sides.target.store.repositories { sides.target.store.remove(try RepositoryName(name)) }
            let files = try Files.list(sides.workspace.path).filter { $0.hasPrefix("bundle.") }
            #expect((files.count > 1) == (way == "volumes"))
            _ = try await sides.far("import \(files.reversed().joined(separator: " "))")
            sides.upstream.forgetRequests()
            _ = try await sides.far("sync --offline")
            #expect(sides.upstream.requests.isEmpty)
            for part in [image, bill, signature] {
                let isHeld = sides.target.store.holds(part, repository: "down/app")
                #expect(isHeld)
            }
        }
    }

    /// Two sides with one entry, whose referrers go along; the upstream has the image as `up/app:1.0`.
    private func withReferrers(
        of image: SampleImage,
        targetHasInterface: Bool = true,
        _ body: (Sides) async throws -> Void
    ) async throws {
        var configuration = ScriptedRegistry.Configuration()
        configuration.options.referrersAPI = true
        try await ScriptedRegistry.with(configuration) { upstream async throws in
            upstream.load(image, repository: "up/app", tag: "1.0")
            configuration.options.referrersAPI = targetHasInterface
            try await ScriptedRegistry.with(configuration) { target async throws in
                try await Workspace.with { workspace async throws in
                    let (source, place) = (upstream.place("up/app"), target.place("down/app"))
                    try workspace.configure(Entry(source, to: place, "tag: '1.0'", "referrers: true"))
                    try await body(Sides(workspace: workspace, upstream: upstream, target: target))
                }
            }
        }
    }
}
