import OCI
import Sync
import TestSupport
import Testing

/// Targets that do not tell what they hold in the usual way: what is there is found in another, and not copied again.
@Suite(.timeLimit(.minutes(10)))
struct UnlistedTargetTests {
    private func runs(
        _ selection: String,
        _ script: (ScriptedRegistry) -> Void,
        _ check: (MirrorRun, String, ScriptedRegistry, ScriptedRegistry) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { source in
            for tag: TagName in ["v1", "v2", "v3"] {
                source.load(.image(labels: ["tag": tag.description]), repository: "app", tag: tag)
            }
            try await ScriptedRegistry.with { target in
                script(target)
                try await MirrorRun.with { mirror in
                    let entry = "source: '\(source.host)/app', target: '\(target.host)/app', \(selection)"
                    try await check(mirror, entry, source, target)
                }
            }
        }
    }

    static let selections = [
        "tag: v1", "tag_regex: '^v'", "tag: v1, check_digest: true", "tag_regex: '^v', check_digest: true",
    ]

    @Test(
        "Where the list of tags is refused each tag is asked for",
        arguments: selections,
        [
            .error(403, "DENIED"), .status(405), .status(404, body: "404 page not found"), .status(401),
            .status(404, headers: ["Content-Type": "text/html"], body: "<html>not here</html>"),
        ] as [Action]
    )
    func refusedList(selection: String, refusal: Action) async throws {
        try await runs(selection) { target in
            target.script(RequestMatch("GET", .tags, times: nil), refusal)
        } _: { mirror, entry, source, target async throws in
            let first = try await mirror.run(entry)
            #expect(first.errors == 0 && first.synced == (selection.contains("regex") ? 3 : 1))
            target.forgetRequests()
            let second = try await mirror.run(entry)
            #expect(second.errors == 0 && second.upToDate == first.synced)
            #expect(target.count("PUT") == 0 && target.count("POST") == 0)
            source.load(.image(labels: ["tag": "another"]), repository: "app", tag: "v4")
            #expect(try await mirror.run(entry).synced == (selection.contains("regex") ? 1 : 0))
        }
    }

    @Test(
        "A list that is called missing does not mean that what was copied there is gone",
        arguments: ["tag: v1", "tag_regex: '^v'"],
        ["NAME_UNKNOWN", "NOT_FOUND", "UNSUPPORTED", nil]
    )
    func missingList(selection: String, code: String?) async throws {
        try await runs(selection) { target in
            target.script(RequestMatch("GET", .tags, times: nil), code.map { .error(404, $0) } ?? .status(404))
        } _: { mirror, entry, source, target async throws in
            let first = try await mirror.run(entry)
            #expect(first.errors == 0 && first.synced > 0)
            target.forgetRequests()
            #expect(try await mirror.run(entry).upToDate == first.synced)
            #expect(target.count("PUT") == 0 && target.count("POST") == 0)
            source.load(.image(labels: ["tag": "v4"]), repository: "app", tag: "v4")
            target.forgetRequests()
            let next = entry.replacing("tag: v1", with: "tag: v4")
            #expect(try await mirror.run(next).synced == 1)
            // The layers are there.
            #expect(target.count("POST") == 1)
            target.store.remove("app")
            #expect(try await mirror.run(entry).synced == (selection.contains("regex") ? 4 : 1))
        }
    }

    @Test("Where a tag is refused too, everything is copied, after one question")
    func refusedTags() async throws {
        try await runs("tag_regex: '^v'") { target in
            target.script(RequestMatch("GET", .tags, times: nil), .status(403))
            target.script(RequestMatch("HEAD", .manifests, times: nil), .status(403))
            target.script(RequestMatch("GET", .manifests, times: nil), .status(403))
        } _: { mirror, entry, _, target async throws in
            #expect(try await mirror.run(entry).synced == 3)
            target.forgetRequests()
            #expect(try await mirror.run(entry).synced == 3)
            #expect(target.count("HEAD", pathContains: "/manifests/v") <= 1)
        }
    }

    @Test("Where HEAD knows no manifest, GET does", arguments: selections)
    func silentHEAD(selection: String) async throws {
        try await runs(selection) { target in
            target.script(RequestMatch("HEAD", .manifests, times: nil), .status(404))
        } _: { mirror, entry, _, target async throws in
            let first = try await mirror.run(entry)
            #expect(first.errors == 0 && first.synced > 0)
            target.forgetRequests()
            for _ in 0..<2 { #expect(try await mirror.run(entry).upToDate == first.synced) }
            #expect(target.count("PUT") == 0)
        }
    }

    @Test(
        "Where HEAD knows no manifest, a new tag does not have those pushed again that are there",
        arguments: ["", ", check_digest: true"],
        [1000, 5]
    )
    func silentHEADAndNewTag(more: String, pageSize: Int) async throws {
        try await runs("tag: v1\(more)") { target in
            target.script(RequestMatch("HEAD", .manifests, times: nil), .status(404))
            target.options.pageSize = pageSize
        } _: { mirror, entry, source, target async throws in
            let tags = try (10...30).map { try TagName("v\($0)") }
            for tag in tags { source.load(.image(labels: ["tag": tag.description]), repository: "app", tag: tag) }
            let entries = tags.map { entry.replacing("tag: v1", with: "tag: \($0)") }
            #expect(try await mirror.run(entries).synced == tags.count)
            target.forgetRequests()
            #expect(try await mirror.run([entry] + entries).synced == 1)
            #expect(target.count("PUT", pathContains: "/manifests/") == 1)
        }
    }

    @Test(
        "A registry whose HEAD is right is asked for its list once and for no manifest, however many tags are new",
        arguments: [1000, 1]
    )
    func trustedHEAD(pageSize: Int) async throws {
        try await runs("tag: v1") { target in
            target.options.pageSize = pageSize
        } _: { mirror, entry, source, target async throws in
            for tag in ["v1", "v2"] { _ = try await mirror.run(entry.replacing("v1", with: tag)) }
            let tags = try (4...23).map { try TagName("v\($0)") }
            for tag in tags { source.load(.image(labels: ["tag": tag.description]), repository: "app", tag: tag) }
            let entries = tags.map { entry.replacing("tag: v1", with: "tag: \($0)") }
            target.forgetRequests()
            #expect(try await mirror.run(entries).synced == 20)
            #expect(target.count("GET", pathContains: "/tags/list") == 1)
            #expect(target.count("GET", pathContains: "/manifests/") == 0)
            #expect(target.count("HEAD", pathContains: "/manifests/") == (pageSize == 1 ? 21 : 20))
        }
    }

    @Test("A target whose HEAD names another digest than its GET is not given the same again")
    func disagrees() async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                source.load(.image(), repository: "app", tag: "v1")
                let other = "\(SampleImage.image(labels: ["other": "1"]).digest)"
                target.script(RequestMatch("HEAD", .manifests, times: nil), .header("Docker-Content-Digest", other))
                try await MirrorRun.with { mirror async throws in
                    let route = "source: '\(source.host)/app', target: '\(target.host)/app'"
                    let entry = "\(route), tag: v1, check_digest: true"
                    #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
                    target.forgetRequests()
                    for _ in 0..<2 { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
                    #expect(target.count("PUT") == 0)
                    source.load(.image(labels: ["new": "1"]), repository: "app", tag: "v1")
                    #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
                }
            }
        }
    }
}
