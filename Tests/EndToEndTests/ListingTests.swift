import OCI
import TestSupport
import Testing

/// Listings of many pages, and what is selected from them.
@Suite(.timeLimit(.minutes(10)))
struct ListingTests {
    private static func with(
        tags: [String],
        _ body: (ScriptedRegistry, Workspace) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { registry async throws in
            let image = SampleImage.image()
            for tag in tags { registry.load(image, repository: "up/app", tag: try TagName(tag)) }
            try await Workspace.with { workspace async throws in try await body(registry, workspace) }
        }
    }

    @Test("All pages of a listing count, at the source and at the target")
    func pages() async throws {
        try await Self.with(tags: (0..<45).map { "1.\($0)" }) { registry, workspace async throws in
            registry.options.pageSize = 10
            try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), Entry.all))
            #expect(try await workspace.run("sync").counts == [45, 45, 0, 0])
            registry.forgetRequests()
            #expect(try await workspace.run("sync").counts == [45, 0, 45, 0])
            #expect(registry.requests.count == 10, "\(registry.transcript)")
        }
    }

    @Test("A listing that breaks off is an error, never a shorter listing", arguments: ["up/app"])
    func brokenListing(_ repository: String) async throws {
        try await Self.withBrokenListing(of: repository) { registry, result in
            #expect(result.status == 1)
            #expect(result.counts == [1, 0, 0, 1])
            #expect(result.failures.first?.contains("cannot list the tags") == true, "\(result.output)")
            #expect(registry.count("PUT") + registry.count("POST") == 0)
        }
    }

    @Test("A target's listing that breaks off says nothing about the tags, so all are copied")
    func brokenTargetListing() async throws {
        try await Self.withBrokenListing(of: "down/app") { registry, result in
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.counts == [3, 3, 0, 0])
        }
    }

    private static func withBrokenListing(
        of repository: String,
        _ body: (ScriptedRegistry, ToolResult) async throws -> Void
    ) async throws {
        try await Self.with(tags: ["1.1", "1.2", "1.3"]) { registry, workspace async throws in
            registry.options.pageSize = 1
            registry.load(.image(), repository: "down/app", tag: "0")
            registry.load(.image(), repository: "down/app", tag: "1")
            let second = RequestMatch("GET", .containing("\(repository)/tags/list"), times: nil) { request in
                request.query["last"] != nil
            }
            registry.script(second, .status(500))
            try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), Entry.all))
            try await body(registry, try await workspace.run("sync"))
        }
    }

    @Test("The newest tags that match are selected, and nothing is deleted at the target")
    func keepLast() async throws {
        let tags = ["1.9.0", "1.10.0", "1.10.1", "1.10.1-rc.1", "2.0.0-beta", "latest", "v1.8"]
        try await Self.with(tags: tags) { registry, workspace async throws in
            registry.load(.image(), repository: "down/app", tag: "1.0.0")
            try workspace.configure(
                Entry(
                    registry.place("up/app"),
                    to: registry.place("down/app"),
                    #"tag_regex: '^\d+\.\d+\.\d+$'"#,
                    "keep_last: 2"
                )
            )
            let list = try await workspace.run("sync", "--list")
            #expect(list.lines.map { $0.split(separator: ":").last } == ["1.10.1", "1.10.0"])
            #expect(try await workspace.run("sync").counts == [2, 2, 0, 0])
            #expect(registry.store.tags(of: "down/app").keys.sorted() == ["1.0.0", "1.10.0", "1.10.1"])
        }
    }

    @Test("Where dates decide, what only looks fetches nothing again that a sync has kept")
    func keptDates() async throws {
        try await Self.with(tags: ["main-a", "main-b"]) { registry, workspace async throws in
            try workspace.configure(
                Entry(registry.place("up/app"), to: registry.place("down/app"), "tag_regex: '^main'", "keep_last: 1")
            )
            #expect(try await workspace.run("sync").counts == [1, 1, 0, 0])
            registry.forgetRequests()
            #expect(try await workspace.run("sync", "--list").lines.count == 1)
            #expect(try await workspace.run("sync", "--dry-run").counts == [1, 0, 1, 0])
            #expect(try await workspace.run("plan").status == 0)
            #expect(registry.count(pathContains: "/up/app/blobs/") == 0)
        }
    }

    @Test("OS variants are renamed by the sibling that is the same image")
    func normalized() async throws {
        try await ScriptedRegistry.with { registry async throws in
            let (new, old) = (SampleImage.image(), SampleImage.image(layers: []))
            registry.load(new, repository: "up/go", tag: "alpine3.21")
            registry.load(new, repository: "up/go", tag: "1.22-alpine3.21")
            registry.load(old, repository: "up/go", tag: "1.21-alpine3.21")
            try await Workspace.with { workspace async throws in
                try workspace.configure(
                    Entry(
                        registry.place("up/go"),
                        to: registry.place("down/go"),
                        "tag: alpine3.21",
                        "os_normalize: true"
                    )
                )
                let result = try await workspace.run("sync")
                #expect(result.counts == [1, 1, 0, 0], "\(result.output)\(result.errors)")
                #expect(registry.store.tags(of: "down/go") == ["1.22-alpine3.21": new.digest])
            }
        }
    }

    @Test("A pattern that matches nothing is a warning, and no error")
    func nothing() async throws {
        try await Self.with(tags: ["1"]) { registry, workspace async throws in
            try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), "tag_regex: '^9'"))
            let result = try await workspace.run("sync")
            #expect(result.status == 0)
            #expect(result.counts == [0, 0, 0, 0])
            #expect(result.errors.contains(" WARNING "))
        }
    }

    @Test("With a parallelism of one an image is copied after the other")
    func sequential() async throws {
        try await ScriptedRegistry.with { registry async throws in
            for number in 1...4 {
                let image = SampleImage.image(layers: [.init(seed: UInt64(number), size: 1000)])
                registry.load(image, repository: "up/app", tag: try TagName("\(number)"))
            }
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), Entry.all))
                let result = try await workspace.run("sync", environment: ["IMGLIFE_SYNC_PARALLELISM": "1"])
                #expect(result.counts == [4, 4, 0, 0])
                let manifests = registry.transcript.filter { $0.contains("/manifests/") }
                let expected = (1...4).reversed().flatMap { number in
                    ["GET /v2/up/app/manifests/\(number)", "PUT /v2/down/app/manifests/\(number)"]
                }
                #expect(manifests == expected)
            }
        }
    }
}
