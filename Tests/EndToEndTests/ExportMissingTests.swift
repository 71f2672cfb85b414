import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// Offline exports of what the cache does not hold whole.
@Suite(.timeLimit(.minutes(10)))
struct ExportMissingTests {
    private static let index = ExportTests.index
    private static let single = ExportTests.single

    /// Removes the manifest of linux/amd64 and the layer of linux/arm64, and of the other image the config and a layer.
    private static func damage(_ workspace: Workspace) throws {
        for digest in [child, layer] + others { try Files.remove("\(workspace.cache)/blobs/sha256/\(digest.hex)") }
    }

    private static let child = index.manifests[0].descriptor.digest
    private static let layer = index.blobs[4].descriptor.digest
    private static let others = single.blobs.prefix(2).map(\.descriptor.digest)

    @Test(
        "Everything that is missing of all images is named at once, as far as the platforms asked for need it",
        arguments: [
            ([], [child, layer]), (["linux/arm64"], [layer]), (["linux/amd64", "linux/arm64"], [child, layer]),
            (["linux/amd64"], [child]),
        ]
    )
    func named(platforms: [String], missing: [Digest]) async throws {
        try await ExportTests.with { workspace, upstream async throws in
            #expect(try await workspace.run("export", "-o", "a.tar", "--progress", "none").status == 0)
            try Self.damage(workspace)
            upstream.forgetRequests()
            let names = ["up/app:1", "up/app:2"].map(upstream.place)
            let options = platforms.flatMap { ["--platform", $0] }
            let result = try await workspace.launch(
                [Workspace.program, "export", "-o", "b.tar", "--offline", "--progress", "none"] + options + names
            )
            #expect(result.status == 1)
            #expect(result.errorLines.count == 1)
            let all = [Self.child, Self.layer] + Self.others
            let told = Set(all.filter { result.errors.contains("\($0)") })
            #expect(told == Set(missing + Self.others), "\(result.errors)")
            for name in names { #expect(result.errors.contains(name)) }
            #expect(!Files.exists("\(workspace.path)/b.tar") && upstream.requests.isEmpty)
        }
    }

    @Test(
        "A platform that images lack while they have another is told, and the others are exported",
        arguments: [true, false]
    )
    func lackingPlatform(isOffline: Bool) async throws {
        try await ExportTests.with { workspace, upstream async throws in
            #expect(try await workspace.run("export", "-o", "a.tar", "--progress", "none").status == 0)
            let wanted = ["--platform", "linux/amd64", "--platform", "linux/s390x"] + (isOffline ? ["--offline"] : [])
            let export = [Workspace.program, "export", "-o", "b.tar", "--progress", "none"]
            let result = try await workspace.launch(export + wanted)
            #expect(result.status == 0, "\(result.errors)")
            let told = result.errorLines.filter { $0.contains("WARNING images lack the platform linux/s390x") }
            #expect(told.count == 1 && told[0].contains(upstream.place("up/app:1")), "\(result.errors)")
            #expect(told[0].contains(upstream.place("up/other:1")), "\(result.errors)")
        }
    }

    @Test(
        "Every image that has none of the platforms asked for is named, with those that it has",
        arguments: [true, false]
    )
    func platforms(isOffline: Bool) async throws {
        try await ExportTests.with { workspace, upstream async throws in
            #expect(try await workspace.run("export", "-o", "a.tar", "--progress", "none").status == 0)
            if isOffline { try Self.damage(workspace) }
            let platform = ["--platform", "linux/s390x"] + (isOffline ? ["--offline"] : [])
            let export = [Workspace.program, "export", "-o", "b.tar", "--progress", "none"]
            let result = try await workspace.launch(export + platform)
            #expect(result.status == 1 && result.errorLines.count == 1, "\(result.errors)")
            for name in ["up/app:1", "up/other:1"].map(upstream.place) {
                let text = "none of the platforms linux/s390x is in the image, which has linux/amd64, linux/arm64"
                #expect(result.errors.contains("\(name): \(text)"), "\(result.errors)")
            }
            // Of the other one the config that would tell is gone.
            let other = upstream.place("up/app:2")
            #expect(result.errors.contains("\(other): none of the platforms") != isOffline, "\(result.errors)")
            #expect(Self.others.allSatisfy { result.errors.contains("\($0)") } == isOffline, "\(result.errors)")
            #expect(!Files.exists("\(workspace.path)/b.tar"))
        }
    }

    @Test("An image's own manifest is fetched like all that the cache has lost of it", arguments: [false, true])
    func topmost(isDamaged: Bool) async throws {
        try await ExportTests.with { workspace, upstream async throws in
            #expect(try await workspace.run("export", "-o", "a.tar", "--progress", "none").status == 0)
            for image in [Self.index, Self.single] {
                let path = "\(workspace.cache)/blobs/sha256/\(image.digest.hex)"
                try Files.remove(path)
                if isDamaged { try Files.write("{}", to: path) }
            }
            upstream.forgetRequests()
            let result = try await workspace.run("export", "-o", "b.tar", "--progress", "none")
            #expect(result.status == 0, "\(result.errors)")
            #expect(upstream.count("GET", pathContains: "/blobs/") == 0)
            #expect(try Files.read("\(workspace.path)/a.tar") == Files.read("\(workspace.path)/b.tar"))
        }
    }

    @Test("Where there is no cache an offline export says so and makes none")
    func noCache() async throws {
        try await Workspace.with { workspace async throws in
            let result = try await workspace.run("export", "--cache-dir", "none", "-o", "a.tar", "--offline")
            #expect(result.status == 1)
            #expect(result.errors.contains("there is no cache in none: import into it first"), "\(result.errors)")
            #expect(try Files.list(workspace.path).isEmpty)
        }
    }

    @Test("A place that cannot be written is told before a cache is made", arguments: [[], ["--volume-size", "1MiB"]])
    func noPlace(_ options: [String]) async throws {
        try await Workspace.with { workspace async throws in
            let export = [Workspace.program, "export", "--cache-dir", "none", "-o", "missing/a.tar"]
            let result = try await workspace.launch(export + options + ["registry.example.com/a:1"])
            #expect(result.status == 1)
            #expect(result.errors.contains("cannot write missing/a.tar: No such file or directory"), "\(result.errors)")
            #expect(try Files.list(workspace.path).isEmpty)
        }
    }

    /// What the cache has lost of a signature.
    enum Loss: CaseIterable, Sendable {
        case payload, manifest, manifestAndRow
    }

    @Test(
        "A signature that the cache does not hold whole is left out where nobody is asked, which a line says, and else fetched",
        arguments: Loss.allCases
    )
    func referrers(loss: Loss) async throws {
        let signature = SampleImage.artifact(of: Self.index.top)
        var configuration = ScriptedRegistry.Configuration()
        configuration.options.referrersAPI = true
        try await ScriptedRegistry.with(configuration) { upstream async throws in
            upstream.load(Self.index, repository: "up/app", tag: "1")
            upstream.load(signature, repository: "up/app")
            try await Workspace.with { workspace async throws in
                try workspace.configure(
                    Entry(upstream.place("up/app"), to: upstream.place("down/app"), "tag: '1'", "referrers: true")
                )
                #expect(try await workspace.run("export", "-o", "first.tar", "--progress", "none").status == 0)
                let whole = try await workspace.run("export", "-o", "a.tar", "--offline", "--progress", "none")
                #expect(whole.status == 0 && whole.errors.isEmpty, "\(whole.errors)")
                let payload = try #require(signature.blobs.last).descriptor.digest
                let lost = loss == .payload ? payload : signature.digest
                try Files.remove("\(workspace.cache)/blobs/sha256/\(lost.hex)")
                if loss == .manifestAndRow { #expect(try await workspace.run("cache", "verify").status == 1) }
                let result = try await workspace.run("export", "-o", "b.tar", "--offline", "--progress", "none")
                #expect(result.status == 0, "\(result.errors)")
                #expect(result.errorLines.count == 1, "\(result.errors)")
                #expect(result.errors.contains("\(signature.digest)") && result.errors.contains("left out"))
                let names = try await ExportTests.unpack("b.tar", in: workspace)
                #expect(names.count { $0.hasPrefix("blobs/") } == (Self.index.blobs + Self.index.manifests).count)
                let online = try await workspace.run("export", "-o", "c.tar", "--progress", "none")
                #expect(online.status == 0 && online.errors.isEmpty, "\(online.errors)")
                #expect(try Files.read("\(workspace.path)/a.tar") == Files.read("\(workspace.path)/c.tar"))
            }
        }
    }

    @Test("A repository's tags are listed once, however many of its images are fetched with what refers to them")
    func listedOnce() async throws {
        let tags = (1...5).map { "\($0)" }
        try await ScriptedRegistry.with { upstream async throws in
            for tag in tags {
                let image = SampleImage.image(labels: ["tag": tag])
                upstream.load(image, repository: "up/app", tag: try TagName(tag))
                let signature = SampleImage.artifact(of: image.top)
                upstream.load(signature, repository: "up/app", tag: try TagName("sha256-\(image.digest.hex).sig"))
            }
            try await Workspace.with { workspace async throws in
                let entries = tags.map { tag in
                    Entry(upstream.place("up/app"), to: upstream.place("down/app"), "tag: '\(tag)'", "referrers: true")
                }
                try workspace.configure("sync:\n  entries:\n" + entries.map(\.text).joined())
                let result = try await workspace.run("export", "-o", "a.tar", "--progress", "none")
                #expect(result.status == 0, "\(result.errors)")
                let names = try CacheFiles(path: workspace.cache).images().keys
                #expect(names.count { $0.hasSuffix(".sig") } == tags.count, "\(names)")
                #expect(upstream.count(pathContains: "/tags/list") == 1)
            }
        }
    }

    /// Runs a body where the cache has lost what images' signatures sign with, and an export has to fetch that.
    private func withLost(
        _ signatures: [SampleImage],
        _ body: (Workspace, ScriptedRegistry) async throws -> Void
    ) async throws {
        var configuration = ScriptedRegistry.Configuration()
        configuration.options.referrersAPI = true
        try await ScriptedRegistry.with(configuration) { upstream async throws in
            upstream.load(Self.index, repository: "up/app", tag: "1")
            for signature in signatures { upstream.load(signature, repository: "up/app") }
            try await Workspace.with { workspace async throws in
                try workspace.configure(
                    Entry(upstream.place("up/app"), to: upstream.place("down/app"), "tag: '1'", "referrers: true")
                )
                #expect(try await workspace.run("export", "-o", "first.tar", "--progress", "none").status == 0)
                for signature in signatures {
                    let payload = try #require(signature.blobs.last).descriptor.digest
                    try Files.remove("\(workspace.cache)/blobs/sha256/\(payload.hex)")
                }
                try await body(workspace, upstream)
            }
        }
    }

    @Test("Where the cache cannot take what it has lost of a signature the export ends, and writes nothing")
    func referrerWithoutRoom() async throws {
        try await withLost([.artifact(of: Self.index.top)]) { workspace, _ async throws in
            let faults = [
                "LD_PRELOAD": Tool.builtProduct("libFaultShim.so"), "FI_DIR": "\(workspace.cache)/ingest",
                "FI": "write:\(EDQUOT):1+",
            ]
            let export = ["export", "-o", "a.tar", "--progress", "none"]
            let result = try await workspace.launch([Workspace.program] + export, environment: faults)
            #expect(result.status == 1)
            #expect(result.errors.contains("raise the quota"), "\(result.errors)")
            #expect(!Files.exists("\(workspace.path)/a.tar"))
        }
    }

    @Test("A signature that the source gives with other bytes is left out alone", arguments: [0, 1])
    func badReferrer(position: Int) async throws {
        let signatures = ["one", "two"].map { SampleImage.artifact(of: Self.index.top, content: $0) }
        try await withLost(signatures) { workspace, upstream async throws in
            let payload = try #require(signatures[position].blobs.last).descriptor.digest
            upstream.store.putBlob(.bytes(ByteSource(ByteBuffer(string: "bad"))), payload, in: "up/app")
            let result = try await workspace.run("export", "-o", "a.tar", "--progress", "none")
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.errors.contains("\(signatures[position].digest)"), "\(result.errors)")
            #expect(!result.errors.contains("\(signatures[1 - position].digest)"), "\(result.errors)")
        }
    }
}
