import Cache
import OCI
import Sync
import TestSupport
import Testing

/// Several entries that mirror one tag, whole or some platforms of it: what each target has is its own.
@Suite(.timeLimit(.minutes(10)))
struct SeveralEntriesTests: ReferrerMirroring {
    private let image = SampleImage.multiPlatform()

    private func sign(_ digest: Digest, at source: ScriptedRegistry) throws -> TagName {
        let tag = try TagName("sha256-\(digest.hex).sig")
        source.load(.image(labels: ["signs": digest.description]), repository: repository, tag: tag)
        return tag
    }

    @Test(
        "What is signed later comes to every target that has what is signed",
        arguments: ["", ", check_digest: true"]
    )
    func signatures(more: String) async throws {
        try await between(interfaceAt: false, true) { source, target in
            source.load(image, repository: repository, tag: "v1")
            try await MirrorRun.with { mirror in
                let entries = ["", ", platforms: [linux/amd64]", ", platforms: [linux/arm64]"].enumerated().map {
                    entry(source, target, "tag_regex: '^v'" + $1 + more, to: "mirrors/\($0)")
                }
                #expect(try await mirror.run(entries).synced == 3)
                let amd64 = try sign(image.manifests[0].descriptor.digest, at: source)
                let arm64 = try sign(image.manifests[1].descriptor.digest, at: source)
                let whole = try sign(image.digest, at: source)
                // Which question is asked is chosen at random.
                for _ in 0..<4 { #expect(try await mirror.run(entries).errors == 0) }
                let given = (0...2).map { target.store.tags(of: RepositoryName(stringLiteral: "mirrors/\($0)")).keys }
                #expect(given[0].contains("\(whole)") && given[1].contains("\(amd64)") && given[2].contains("\(arm64)"))
                #expect(!given[1].contains("\(arm64)") && !given[2].contains("\(amd64)"))
                #expect(!mirror.log.text.contains("cannot be told"))
            }
        }
    }

    @Test("One entry follows a tag and another keeps it: each is told, and given, what its own target has")
    func followAndStay() async throws {
        try await ScriptedRegistry.with { hub in
            try await ScriptedRegistry.with { target in
                let library: RepositoryName = "library/alpine"
                let moved = SampleImage.multiPlatform(seed: 2)
                hub.load(image, repository: library, tag: "v1")
                let api = HubStandIn(hub, rows: [HubStandIn.Row("v1", digest: image.digest)])
                try await MirrorRun.with(hub: hub) { mirror in
                    let entries = ["follow, tag_regex: '^v', check_digest: true", "stay, tag_regex: '^v'"].map {
                        "source: docker.io/alpine, referrers: true, target: \(target.host)/\($0)"
                    }
                    #expect(try await mirror.run(entries).synced == 2)
                    hub.load(moved, repository: library, tag: "v1")
                    let signature = try TagName("sha256-\(moved.digest.hex).sig")
                    hub.load(.image(labels: ["signs": "moved"]), repository: library, tag: signature)
                    api.rows = [
                        HubStandIn.Row("v1", digest: moved.digest), HubStandIn.Row("\(signature)"),
                    ]
                    for _ in 0..<3 {
                        let rows = try await mirror.run(entries).rows
                        #expect(rows.map(\.drifted) == [rows[0].status == .synced ? nil : false, true])
                    }
                    #expect(target.store.digest(of: "v1", in: "follow") == moved.digest)
                    #expect(target.store.tags(of: "stay") == ["v1": image.digest])
                }
            }
        }
    }

    @Test("A tag that does not move is not said to have moved, whatever other entries choose of it")
    func noDrift() async throws {
        try await ScriptedRegistry.with { hub in
            try await ScriptedRegistry.with { target in
                hub.load(image, repository: "library/alpine", tag: "v1")
                var row = HubStandIn.Row("v1", digest: image.digest)
                row.images = image.manifests.dropLast().map(\.descriptor.digest.description)
                _ = HubStandIn(hub, rows: [row])
                try await MirrorRun.with(hub: hub) { mirror in
                    let entries = ["whole", "some, platforms: [linux/amd64]"].map {
                        "source: docker.io/alpine, tag_regex: '^v', target: \(target.host)/\($0)"
                    }
                    for run in 0...2 {
                        let drifted: [Bool?] = run == 0 ? [nil, nil] : [false, false]
                        let rows = try await mirror.run(entries).rows
                        #expect(rows.map(\.drifted) == drifted)
                    }
                }
            }
        }
    }

    @Test("What a run gives a target from the cache alone is noted as well")
    func offline() async throws {
        try await between(interfaceAt: false, false) { source, target in
            source.load(image, repository: repository, tag: "v1")
            try await MirrorRun.with { mirror in
                var mirror = mirror
                let entries = ["one", "two"].map {
                    "source: '\(source.host)/app', target: '\(target.host)/\($0)', tag: v1"
                }
                #expect(try await mirror.run(entries[0]).synced == 1)
                mirror.isOffline = true
                #expect(try await mirror.run(entries[1]).synced == 1)
                let noted = try await mirror.withCache { cache async throws in
                    let place = Names.Place(location: try RepositoryReference("\(target.host)/two"), tag: "v1")
                    return try await cache.copies.copied(to: place, from: "none", of: RepositoryReference("none"))
                }
                #expect(noted == image.digest)
            }
        }
    }

    @Test("An image for none of the platforms is an error, also where the target has it")
    func otherPlatform() async throws {
        try await between(interfaceAt: false, false) { source, target in
            source.load(.image(), repository: repository, tag: "v1")
            try await MirrorRun.with { mirror in
                let entry = "source: '\(source.host)/app', target: '\(target.host)/app', tag: v1"
                #expect(try await mirror.run(entry).synced == 1)
                let wrong = entry + ", check_digest: true, platforms: [linux/arm64]"
                for _ in 1...2 {
                    let rows = try await mirror.run(wrong).rows
                    #expect(rows.first?.reason?.contains("none of the platforms linux/arm64") == true)
                }
                source.forgetRequests()
                let right = entry + ", check_digest: true, platforms: [linux/amd64]"
                target.forgetRequests()
                #expect(try await mirror.run(right).rows.map(\.status) == [.upToDate])
                #expect(source.requests.map(\.method) == ["HEAD"])
                #expect(target.count("HEAD") == 1)
            }
        }
    }

    @Test("A layer that one entry's source lacks comes from another's, which waits for it at the same registry")
    func layerOfAnother() async throws {
        let layer = image.blobs[1].descriptor.digest
        try await ScriptedRegistry.with { lacking in
            try await between(interfaceAt: false, false) { source, target in
                let lookedFor = Gate()
                lacking.load(image, repository: "app", tag: "v1")
                lacking.script(
                    RequestMatch("GET", .blob(layer), times: nil),
                    .all([.holdHead(lookedFor), .error(404, "BLOB_UNKNOWN")])
                )
                let waiting = Gate()
                source.load(image, repository: "app", tag: "v1")
                source.script(RequestMatch("GET", .manifests, times: nil), .holdHead(waiting))
                try await MirrorRun.with { mirror in
                    let entries = [(lacking, "one"), (source, "two")].map {
                        "source: '\($0.host)/app', target: '\(target.host)/\($1)', tag: v1"
                    }
                    async let report = mirror.run(entries)
                    try await lacking.waitForRequests { $0.contains { $0.path.hasSuffix("/blobs/\(layer)") } }
                    waiting.open()
                    // It mounts the config when it has begun with all of them.
                    try await target.waitForRequests { $0.contains { $0.path.contains("two/blobs/") } }
                    lookedFor.open()
                    #expect(try await report.rows.map(\.status) == [.synced, .synced])
                    #expect(source.count("GET", pathContains: "\(layer)") == 1)
                }
            }
        }
    }
}
