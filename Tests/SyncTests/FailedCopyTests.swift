import Glibc
import NIOCore
import OCI
import Sync
import TestSupport
import Testing

/// What a copy that fails tells.
@Suite(.timeLimit(.minutes(10)))
struct FailedCopyTests {
    private func entry(_ source: ScriptedRegistry, _ target: ScriptedRegistry) -> String {
        "source: '\(source.host)/app', target: '\(target.host)/app', tag: v1"
    }

    private let image = SampleImage.image()
    private let other = SampleImage.image(labels: ["other": "1"])

    /// Runs a test after a run whose target took the image and did not show it; `more` is said of the entry.
    private func afterUnshown(
        _ more: String = "",
        _ body: (_ source: ScriptedRegistry, _ target: ScriptedRegistry, MirrorRun) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                source.load(image, repository: "app", tag: "v1")
                target.script(RequestMatch("PUT", .manifests), .status(201))
                for method in ["HEAD", "GET"] {
                    target.script(RequestMatch(method, .manifests, times: 20), .status(503))
                }
                try await MirrorRun.with { mirror async throws in
                    #expect(try await mirror.run(entry(source, target) + more).rows.map(\.status) == [.failed])
                    target.removeScript()
                    try await body(source, target, mirror)
                }
            }
        }
    }

    @Test("The bytes of a tag that fails are counted")
    func bytes() async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                let image = SampleImage.image()
                source.load(image, repository: "app", tag: "v1")
                target.script(RequestMatch("PUT", .manifests, times: nil), .status(403))
                try await MirrorRun.with { mirror async throws in
                    let report = try await mirror.run(entry(source, target))
                    #expect(report.rows.map(\.status) == [.failed])
                    let size = image.blobs.reduce(0) { $0 + $1.descriptor.size }
                    #expect(report.bytes.pushed == size)
                    #expect(report.bytes.downloaded == size)
                }
            }
        }
    }

    @Test(
        "A tag whose target did not show what it had taken is looked at in the next run, also where digests do not count"
    )
    func taken() async throws {
        try await afterUnshown { source, target, mirror async throws in
            target.load(other, repository: "app", tag: "v1")
            #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.synced])
            #expect(target.store.holds(image, repository: "app"))
            // It is known now what the tag is, and digests do not count again.
            target.load(other, repository: "app", tag: "v1")
            #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.upToDate])
        }
    }

    @Test("It is known what it is once it was found right, also where digests counted then and do not any more")
    func foundRight() async throws {
        let checking = ", check_digest: true"
        try await afterUnshown(checking) { source, target, mirror async throws in
            target.load(image, repository: "app", tag: "v1")
            #expect(try await mirror.run(entry(source, target) + checking).rows.map(\.status) == [.upToDate])
            source.load(other, repository: "app", tag: "v1")
            #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.upToDate])
            #expect(target.store.holds(image, repository: "app"))
        }
    }

    @Test(
        "So is one whose target says that it has stored something else, or says errors of what it has taken",
        arguments: [
            .header("Docker-Content-Digest", SampleImage.image(labels: ["other": "1"]).digest.description),
            .edit { $0 = .error(200, "UNKNOWN") }, .edit { $0 = Reply(503) },
        ] as [Action]
    )
    func contradicted(answer: Action) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                source.load(image, repository: "app", tag: "v1")
                target.script(RequestMatch("PUT", .manifest("v1"), times: nil), answer)
                try await MirrorRun.with { mirror async throws in
                    #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.failed])
                    target.load(other, repository: "app", tag: "v1")
                    #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.failed])
                    target.removeScript()
                    target.load(other, repository: "app", tag: "v1")
                    #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.synced])
                    #expect(target.store.holds(image, repository: "app"))
                }
            }
        }
    }

    @Test("So is one that was being confirmed when the run was stopped")
    func stopped() async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                source.load(image, repository: "app", tag: "v1")
                let gate = Gate()
                target.script(RequestMatch("PUT", .manifests), .status(201))
                target.script(RequestMatch("HEAD", .manifests), .status(404))
                target.script(RequestMatch("HEAD", .manifests), .holdHead(gate))
                try await MirrorRun.with { mirror async throws in
                    let entry = entry(source, target)
                    await withTaskGroup(of: Void.self) { group in
                        group.addTask { _ = try? await mirror.run(entry) }
                        try? await gate.waitForArrivals()
                        group.cancelAll()
                    }
                    #expect(target.requests.contains { $0.method == "PUT" && $0.path.contains("/manifests/") })
                    gate.open()
                    target.removeScript()
                    target.load(other, repository: "app", tag: "v1")
                    #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
                }
            }
        }
    }

    @Test("An empty layer comes to the cache also where it was to be mounted and the registry refused that")
    func refusedMount() async throws {
        try await ScriptedRegistry.with { registry in
            registry.options.mounts = false
            let image = SampleImage.image(layers: [.init(seed: 1, size: 0), .init(seed: 2, size: 100)])
            registry.load(image, repository: "app", tag: "v1")
            try await MirrorRun.with { mirror async throws in
                let report = try await mirror.run(
                    "source: '\(registry.host)/app', target: '\(registry.host)/b', tag: v1"
                )
                #expect(report.rows.map(\.status) == [.synced])
                for blob in image.blobs {
                    let digest = blob.descriptor.digest
                    #expect(access("\(mirror.cacheDirectory)/blobs/sha256/\(digest.hex)", F_OK) == 0, "\(digest)")
                }
            }
        }
    }

    @Test(
        "What a target said that it has is sent when it refuses the manifest, however it says so",
        arguments: [
            (404, "MANIFEST_BLOB_UNKNOWN"), (400, "MANIFEST_BLOB_UNKNOWN"), (400, "MANIFEST_INVALID"),
            (404, "MANIFEST_UNKNOWN"), (404, "BLOB_UNKNOWN"), (404, "NOT_FOUND"), (400, "BLOB_UNKNOWN"),
        ]
    )
    func lyingTarget(status: Int, code: String) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                let image = SampleImage.image()
                source.load(image, repository: "app", tag: "v1")
                target.load(.image(layers: [.init(seed: 9, size: 100)]), repository: "app", tag: "other")
                let sizes = Dictionary(
                    image.blobs.map { ("/v2/app/blobs/\($0.descriptor.digest)", $0.descriptor.size) }
                ) { first, _ in first }
                target.script(
                    RequestMatch("HEAD", .blobs, times: nil),
                    .flip { request in
                        sizes[request.path].map { .status(200, headers: ["Content-Length": "\($0)"]) }
                    }
                )
                target.script(
                    RequestMatch("PUT", .manifests, times: nil),
                    .flip { [store = target.store] _ in
                        store.blob(image.blobs[0].descriptor.digest, in: "app") == nil ? .error(status, code) : nil
                    }
                )
                try await MirrorRun.with { mirror async throws in
                    let report = try await mirror.run(entry(source, target))
                    #expect(report.rows.map(\.status) == [.synced])
                    #expect(target.store.holds(image, repository: "app"))
                    #expect(target.count("POST") == image.blobs.count)
                }
            }
        }
    }

    @Test("Of what a target has lost meanwhile that alone is sent again which it names", arguments: [true, false])
    func lostPart(isBlob: Bool) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                let index = SampleImage.multiPlatform()
                let child = try #require(index.manifests.first).descriptor.digest
                let lost = isBlob ? try #require(index.blobs.first).descriptor.digest : child
                source.load(index, repository: "app", tag: "v1")
                target.script(
                    RequestMatch("PUT", .manifest(isBlob ? child.description : "v1")),
                    .flip { [store = target.store] _ in
                        store.remove(lost, from: "app")
                        return nil
                    }
                )
                try await MirrorRun.with { mirror async throws in
                    #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.synced])
                    #expect(target.store.holds(index, repository: "app"))
                    #expect(target.count("POST") == index.blobs.count + (isBlob ? 1 : 0))
                }
            }
        }
    }

    @Test("A target that goes on to miss what it did not name before is sent all of the image again")
    func lostMore() async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                let image = SampleImage.image()
                source.load(image, repository: "app", tag: "v1")
                target.script(
                    RequestMatch("PUT", .manifests),
                    .flip { [store = target.store] _ in
                        for blob in image.blobs { store.remove(blob.descriptor.digest, from: "app") }
                        return nil
                    }
                )
                try await MirrorRun.with { mirror async throws in
                    #expect(try await mirror.run(entry(source, target)).rows.map(\.status) == [.synced])
                    #expect(target.store.holds(image, repository: "app"))
                }
            }
        }
    }

    @Test("A manifest that is refused for good does not make its blobs be sent twice", arguments: [400, 404])
    func refusedManifest(status: Int) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                let image = SampleImage.image()
                source.load(image, repository: "app", tag: "v1")
                target.script(RequestMatch("PUT", .manifests, times: nil), .error(status, "MANIFEST_INVALID"))
                try await MirrorRun.with { mirror async throws in
                    let report = try await mirror.run(entry(source, target))
                    #expect(report.rows.map(\.status) == [.failed])
                    #expect(target.count("POST") == image.blobs.count)
                }
            }
        }
    }

    @Test(
        "Of an index the refused image is named with its platform",
        arguments: [.error(400, "MANIFEST_INVALID"), .status(403)] as [Action]
    )
    func refusedChild(refusal: Action) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                let index = SampleImage.multiPlatform()
                let child = try #require(index.manifests.first).descriptor
                source.load(index, repository: "app", tag: "v1")
                target.script(RequestMatch("PUT", .manifest(child.digest.description), times: nil), refusal)
                try await MirrorRun.with { mirror async throws in
                    let reason = try #require(try await mirror.run(entry(source, target)).rows.first?.reason)
                    #expect(reason.contains("\(child.digest) (linux/amd64)"), "\(reason)")
                }
            }
        }
    }

    @Test("A registry that wants layers which may not be distributed is told from others, and the layers are named")
    func foreignLayer() async throws {
        let (image, foreign) = SampleImage.withForeignLayer()
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                source.load(image, repository: "app", tag: "v1")
                try await MirrorRun.with { mirror async throws in
                    let reason = try #require(try await mirror.run(entry(source, target)).rows.first?.reason)
                    #expect(reason.contains("layers that may not be distributed"))
                    #expect(reason.contains("\(foreign.digest)"))
                }
            }
        }
    }

    @Test("A layer that a manifest gives a wrong size is not there because another's was", arguments: [true, false])
    func wrongSize(isInOneRepository: Bool) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                let image = SampleImage.image()
                let layer = image.blobs[1].descriptor
                source.load(image, repository: "app", tag: "v1")
                let wrong = String(buffer: image.topBytes)
                    .replacing("\"size\":\(layer.size)", with: "\"size\":\(layer.size + 50)")
                source.store.put(ByteBuffer(string: wrong), as: image.top.mediaType, in: "app", tag: "v2")
                try await MirrorRun.with { mirror async throws in
                    let second = "\(target.host)/\(isInOneRepository ? "app" : "other")"
                    let entries = [
                        entry(source, target), "source: '\(source.host)/app', target: '\(second)', tag: v2",
                    ]
                    #expect(try await mirror.run(entries[0]).rows.map(\.status) == [.synced])
                    #expect(try await mirror.run(entries).rows.map(\.status) == [.upToDate, .failed])
                    target.store.remove("app")
                    #expect(try await mirror.run(entries).rows.map(\.status) == [.synced, .failed])
                }
            }
        }
    }
}
