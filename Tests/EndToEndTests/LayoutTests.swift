import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// The cache as other programs see it: an OCI image layout at all times.
@Suite(.timeLimit(.minutes(10)))
struct LayoutTests {
    @Test("Tags that failed are not in the layout, those that did not are")
    func partialFailure() async throws {
        try await ScriptedRegistry.with { registry async throws in
            // Source and target are one registry here; all bytes shall pass through the cache.
            registry.options.mounts = false
            let good = SampleImage.image(layers: [.init(seed: 1, size: 1000)])
            let bad = SampleImage.image(layers: [.init(seed: 1, size: 1000), .init(seed: 2, size: 2000)])
            registry.load(good, repository: "up/app", tag: "1")
            registry.load(bad, repository: "up/app", tag: "2")
            registry.store.remove(bad.blobs[2].descriptor.digest, from: "up/app")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), Entry.all))
                let files = CacheFiles(path: workspace.cache)
                #expect(try await workspace.run("sync").counts == [2, 1, 0, 1])
                #expect(try files.images() == [registry.place("up/app") + ":1": good.digest])
                #expect(try files.hasLayoutMarker())
                #expect(try files.wrongBlobs() == [])

                registry.load(bad, repository: "up/app")
                #expect(try await workspace.run("sync").counts == [2, 1, 1, 0])
                #expect(
                    try files.images() == [
                        registry.place("up/app") + ":1": good.digest, registry.place("up/app") + ":2": bad.digest,
                    ]
                )
            }
        }
    }

    @Test("A run that is killed while it pushes leaves a whole layout, and the next one completes it")
    func killed() async throws {
        try await Mirror.with { mirror async throws in
            let gate = Gate()
            mirror.target.script(.init("PUT", .manifests), .holdHead(gate))
            let result = try await mirror.workspace.interrupting { program async throws in
                try await gate.waitForArrivals()
                try program.send(SIGKILL)
            }
            gate.open()
            #expect(result.status == 137)
            let files = CacheFiles(path: mirror.workspace.cache)
            #expect(try files.hasLayoutMarker())
            #expect(try files.images() == [:])
            #expect(try files.wrongBlobs() == [])
            mirror.upstream.forgetRequests()
            try await mirror.expectSuccess()
            #expect(RequestLog(mirror.upstream).blobFetches.isEmpty)
        }
    }

    @Test("A cache whose index was lost keeps its blobs and its names")
    func lostIndex() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            try Files.remove("\(mirror.workspace.cache)/index.sqlite")
            mirror.target.store.remove("down/app")
            mirror.upstream.forgetRequests()
            try await mirror.expectSuccess()
            #expect(RequestLog(mirror.upstream).blobFetches.isEmpty)
        }
    }

    @Test("A blob that rotted in the cache is never pushed, and is fetched again")
    func rot() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let path = "\(mirror.workspace.cache)/blobs/sha256/\(mirror.layer.hex)"
            _ = try await mirror.workspace.shell(
                "chmod 600 '\(path)' && printf x | dd of='\(path)' conv=notrunc bs=1 seek=5"
            )
            #expect(try CacheFiles(path: mirror.workspace.cache).wrongBlobs() == [mirror.layer])
            mirror.target.store.remove("down/app")
            mirror.upstream.forgetRequests()
            try await mirror.expectSuccess()
            #expect(RequestLog(mirror.upstream).blobFetches == [mirror.layer.description: 1])
        }
    }

    @Test("The files that make up the cache are nobody else's to write")
    func modes() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let writable = try await mirror.workspace.shell("find '\(mirror.workspace.cache)' -perm /022")
            #expect(writable.output.isEmpty)
        }
    }

    @Test("skopeo reads an index and its children where they lie", .requires(.tool("skopeo")))
    func skopeo() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let name = mirror.upstream.place("up/app") + ":1"
            let raw = try await Skopeo.inspectRaw("oci:\(mirror.workspace.cache):\(name)", options: [])
            #expect(raw == mirror.image.topBytes)
        }
    }
}
