import Glibc
import OCI
import TestSupport
import Testing

/// One cache through many crashes and many processes.
@Suite(.timeLimit(.minutes(10)))
struct KilledRunTests {
    private static let images = (1...3).map { number in
        SampleImage.multiPlatform(number == 2 ? .docker : .oci, seed: UInt64(number), layerSize: 70_000)
    }

    private static func with(_ body: (Workspace, _ upstream: ScriptedRegistry) async throws -> Void) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            for (number, image) in images.enumerated() {
                upstream.load(image, repository: "up/app", tag: try TagName("1.\(number)"))
            }
            try await Workspace.with { workspace async throws in try await body(workspace, upstream) }
        }
    }

    private static func expected(_ upstream: ScriptedRegistry) -> [String: Digest] {
        Dictionary(
            uniqueKeysWithValues: images.enumerated().map { ("\(upstream.place("up/app")):1.\($0)", $1.digest) }
        )
    }

    @Test("A run may be killed at any of its requests: nothing wrong is ever in the cache, and nothing is lost")
    func anywhere() async throws {
        try await Self.with { workspace, upstream async throws in
            let files = CacheFiles(path: workspace.cache)
            // Every round has a target of its own, so that each has as much to push.
            for round in stride(from: 1, through: 41, by: 4) {
                try await ScriptedRegistry.with { target async throws in
                    try workspace.configure(Entry(upstream.place("up/app"), to: target.place("down/app"), Entry.all))
                    let earlier = upstream.requests.count
                    let kept = Files.exists(workspace.cache) ? try files.digests() : []
                    let gate = Gate()
                    let late: @Sendable (RecordedRequest) -> Bool = { request in
                        request.method == "PUT" && upstream.requests.count - earlier + target.requests.count >= round
                    }
                    target.script(.init("PUT", .any, times: nil, where: late), .holdHead(gate))
                    let result = try await workspace.interrupting { program async throws in
                        try await gate.waitForArrivals()
                        try program.send(SIGKILL)
                    }
                    gate.open()
                    #expect(result.status == 137, "\(result.errors)")
                    #expect(try files.wrongBlobs() == [])
                    #expect(try files.hasLayoutMarker())
                    let fetched = RequestLog(upstream.transcript).since(earlier).blobFetches.keys
                    #expect(kept.isDisjoint(with: try fetched.map { try Digest($0) }))
                    #expect(try files.digests().isSuperset(of: kept))
                    for (name, digest) in try files.images() { #expect(Self.expected(upstream)[name] == digest) }
                }
            }
            try await ScriptedRegistry.with { target async throws in
                try workspace.configure(Entry(upstream.place("up/app"), to: target.place("down/app"), Entry.all))
                let result = try await workspace.run("sync", "--progress", "none")
                #expect(result.counts == [3, 3, 0, 0], "\(result.output)\(result.errors)")
                #expect(target.store.tags(of: "down/app") == upstream.store.tags(of: "up/app"))
            }
            #expect(try files.images() == Self.expected(upstream))
            #expect(try files.wrongBlobs() == [])
            // A manifest that was being written at the kill has no name to be resumed by; it goes after a day.
            #expect(try files.partials() == [])
            #expect(try Files.list("\(workspace.cache)/leases") == [])
        }
    }

    @Test("Five runs that begin at once on a cache that is not there yet share its making and every download")
    func together() async throws {
        try await Self.with { workspace, upstream async throws in
            try await ScriptedRegistry.with { target async throws in
                for number in 1...5 {
                    let entry = Entry(upstream.place("up/app"), to: target.place("down/app\(number)"), Entry.all)
                    try Files.write("sync:\n  entries:\n\(entry.text)", to: "\(workspace.path)/\(number).yaml")
                }
                let results = try await withThrowingTaskGroup(of: ToolResult.self) { group in
                    for number in 1...5 {
                        group.addTask { try await workspace.run("sync", "-c", "\(number).yaml", "--progress", "none") }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                for result in results { #expect(result.counts == [3, 3, 0, 0], "\(result.output)\(result.errors)") }
                for number in 1...5 {
                    let repository = try RepositoryName("down/app\(number)")
                    #expect(target.store.tags(of: repository) == upstream.store.tags(of: "up/app"))
                }
                let fetches = RequestLog(upstream).blobFetches
                #expect(fetches.values.allSatisfy { $0 == 1 }, "\(fetches)")
                let files = CacheFiles(path: workspace.cache)
                #expect(try files.images() == Self.expected(upstream))
                #expect(try files.wrongBlobs() == [])
                #expect(try files.partials() == [])
            }
        }
    }
}
