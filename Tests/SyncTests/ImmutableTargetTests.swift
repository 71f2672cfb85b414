import OCI
import Sync
import TestSupport
import Testing

/// Targets whose tags cannot be written twice: what is there is no failure, whoever finds that out.
@Suite(.timeLimit(.minutes(10)))
struct ImmutableTargetTests {
    private static let image = SampleImage.image()

    private func between(
        _ body: (MirrorRun, ScriptedRegistry, ScriptedRegistry) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { source in
            source.load(Self.image, repository: "app", tag: "v1")
            try await ScriptedRegistry.with { target in
                target.script(RequestMatch("PUT", .manifest("v1"), times: nil), Self.refusing(target.store))
                try await MirrorRun.with { try await body($0, source, target) }
            }
        }
    }

    /// Of a tag that is there.
    private static func refusing(_ store: RegistryStore) -> Action {
        .flip { _ in store.digest(of: "v1", in: "app") == nil ? nil : .error(412, "PRECONDITION") }
    }

    private func hide(_ target: ScriptedRegistry) {
        for method in ["HEAD", "GET"] {
            target.script(RequestMatch(method, .manifest("v1"), times: nil), Self.refusing(target.store))
        }
    }

    private func entry(_ source: ScriptedRegistry, _ target: ScriptedRegistry, _ selection: String) -> String {
        "source: '\(source.host)/app', target: '\(target.host)/app', \(selection)"
    }

    @Test("A tag that an old list lacks is up to date when it is there")
    func oldList() async throws {
        try await between { mirror, source, target async throws in
            target.script(RequestMatch("GET", .tags, times: nil), .reply(.json(200, #"{"name":"app","tags":["v0"]}"#)))
            let entry = entry(source, target, "tag_regex: '^v', check_digest: true")
            #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
            for _ in 0..<2 {
                let rows = try await mirror.run(entry).rows
                #expect(rows.map(\.status) == [.upToDate])
                #expect(rows.map(\.digest) == [Self.image.digest])
            }
        }
    }

    @Test(
        "A tag that is neither shown nor taken again is what it was given before",
        arguments: ["tag: v1", "tag_regex: '^v', check_digest: true"]
    )
    func hidden(selection: String) async throws {
        try await between { mirror, source, target async throws in
            hide(target)
            let entry = entry(source, target, selection)
            #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
            for _ in 0..<2 {
                let rows = try await mirror.run(entry).rows
                #expect(rows.map(\.status) == [.upToDate])
                #expect(rows.first?.warnings.contains { $0.contains("was given \(Self.image.digest) before") } == true)
            }
        }
    }

    @Test("A tag that is not taken again is an error where no answer tells what it has, whatever it was given")
    func outage() async throws {
        try await between { mirror, source, target async throws in
            let entry = entry(source, target, "tag: v1, check_digest: true")
            #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
            for method in ["HEAD", "GET"] {
                target.script(RequestMatch(method, .manifest("v1"), times: nil), .status(503))
            }
            for _ in 0..<2 {
                let rows = try await mirror.run(entry).rows
                #expect(rows.map(\.status) == [.failed])
                #expect(rows.first?.reason?.contains("412") == true, "\(rows)")
            }
        }
    }

    @Test("What a hidden tag has refused it was not given, in no run after that")
    func refused() async throws {
        try await between { mirror, source, target async throws in
            hide(target)
            target.load(.image(labels: ["other": "1"]), repository: "app", tag: "v1")
            let entry = entry(source, target, "tag: v1")
            for _ in 0..<3 { #expect(try await mirror.run(entry).rows.map(\.status) == [.failed]) }
        }
    }

    @Test("A tag that is something else than it was given is told when it is given that again")
    func overwritten() async throws {
        try await ScriptedRegistry.with { source in
            source.load(Self.image, repository: "app", tag: "v1")
            try await ScriptedRegistry.with { target in
                try await MirrorRun.with { mirror async throws in
                    let entry = entry(source, target, "tag: v1, check_digest: true")
                    #expect(try await mirror.run(entry).rows.map(\.warnings) == [[]])
                    let other = SampleImage.image(labels: ["other": "1"])
                    target.load(other, repository: "app", tag: "v1")
                    let foreseen = try await mirror.foresee(entry).rows
                    let rows = try await mirror.run(entry).rows
                    #expect(rows.map(\.status) == [.synced])
                    #expect(rows.first?.warnings.contains { $0.contains("is \(other.digest) now") } == true)
                    #expect(foreseen.map(\.warnings) == rows.map(\.warnings))
                    source.load(other, repository: "app", tag: "v1")
                    #expect(try await mirror.run(entry).rows.map(\.warnings) == [[]])
                }
            }
        }
    }
}
