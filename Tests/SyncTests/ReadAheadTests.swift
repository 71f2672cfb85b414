import OCI
import Sync
import TestSupport
import Testing

/// What does not depend on each other does not wait for each other.
@Suite(.timeLimit(.minutes(10)))
struct ReadAheadTests {
    private func between(
        _ body: (_ source: ScriptedRegistry, _ target: ScriptedRegistry, MirrorRun) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                try await MirrorRun.with { try await body(source, target, $0) }
            }
        }
    }

    private func entry(_ source: ScriptedRegistry, _ target: ScriptedRegistry) -> String {
        "source: '\(source.host)/app', target: '\(target.host)/app', tag_regex: '.*'"
    }

    @Test("Manifests of further tags are read while as many images are copied as there may be")
    func readsAhead() async throws {
        try await between { source, target, run in
            let images = (0..<8).map { SampleImage.image(layers: [], labels: ["number": "\($0)"]) }
            for (number, image) in images.enumerated() {
                source.load(image, repository: "app", tag: try TagName("v\(number)"))
            }
            let gate = Gate()
            source.script(RequestMatch("GET", .blobs, times: nil), .holdHead(gate))
            let report = try await withThrowingTaskGroup(of: SyncReport.self) { group in
                group.addTask { try await run.run(entry(source, target)) }
                try await source.waitForRequests { requests in
                    requests.count { $0.path.contains("/manifests/") && $0.status == 200 } == 8
                }
                try await gate.waitForArrivals(4)
                for _ in 0..<100 { await Task.yield() }
                #expect(gate.arrivals == 4)
                gate.open()
                return try #require(try await group.next())
            }
            #expect(report.rows.count { $0.status == .synced } == 8)
            for (number, image) in images.enumerated() {
                let tag = try TagName("v\(number)")
                #expect(target.store.digest(of: tag, in: "app") == image.digest)
            }
        }
    }

    @Test("The next image's blobs go out while the last manifest of one before waits for its answer")
    func goesOnBeforeTheTag() async throws {
        try await between { source, target, run in
            for number in 0..<8 {
                let image = SampleImage.image(layers: [], labels: ["number": "\(number)"])
                source.load(image, repository: "app", tag: try TagName("v\(number)"))
            }
            let tags = Gate()
            target.script(RequestMatch("PUT", "/manifests/", times: nil), .holdHead(tags))
            try await withThrowingTaskGroup(of: SyncReport.self) { group in
                group.addTask { try await run.run(entry(source, target)) }
                // Four images are copied at a time, and here none of them is complete before all blobs are there.
                try await target.waitForRequests { requests in
                    requests.count { $0.method == "PUT" && $0.path.contains("/uploads/") && $0.status == 201 } == 8
                }
                tags.open()
                let report = try #require(try await group.next())
                #expect(report.rows.count { $0.status == .synced } == 8)
            }
        }
    }

    @Test("The manifests that an index lists are asked for at once, and pushed at once before it")
    func readsChildren() async throws {
        let images = ["amd64", "arm64", "s390x"].map {
            SampleImage.image(platform: Platform(os: "linux", architecture: $0))
        }
        let index = SampleImage.index(of: images)
        try await between { source, target, run in
            source.load(index, repository: "app", tag: "v1")
            let (reads, writes) = (Gate(), Gate())
            source.script(RequestMatch("GET", "/manifests/sha256", times: nil), .holdHead(reads))
            target.script(RequestMatch("PUT", "/manifests/sha256", times: nil), .holdHead(writes))
            try await withThrowingTaskGroup(of: SyncReport.self) { group in
                group.addTask { try await run.run(entry(source, target)) }
                try await reads.waitForArrivals(3)
                reads.open()
                try await writes.waitForArrivals(3)
                #expect(target.store.tags(of: "app").isEmpty)
                writes.open()
                #expect(try await group.next()?.errors == 0)
            }
            #expect(target.store.holds(index, repository: "app"))
            #expect(source.count("GET", pathContains: "/manifests/") == 4)
        }
    }

    @Test("What several indexes list is asked for once, and reaches the target before each of them")
    func sharesChildren() async throws {
        let shared = SampleImage.image()
        let index = SampleImage.index(of: [.index(of: [shared]), shared])
        try await between { source, target, run in
            source.load(index, repository: "app", tag: "v1")
            let report = try await run.run(entry(source, target))
            #expect(report.errors == 0)
            #expect(target.store.holds(index, repository: "app"))
            #expect(source.count("GET", pathContains: "/manifests/") == 3)
        }
    }

    @Test("Blobs that a registry only says it has taken are sent again the usual way")
    func believesManifests() async throws {
        let image = SampleImage.image()
        try await between { source, target, run in
            source.load(image, repository: "app", tag: "v1")
            target.script(
                RequestMatch("POST", .uploads, times: nil) { $0.query["digest"] != nil },
                .status(201, headers: ["Location": "/v2/app/blobs/sha256:0"])
            )
            let report = try await run.run(entry(source, target))
            #expect(report.errors == 0)
            #expect(target.store.holds(image, repository: "app"))
        }
    }
}
