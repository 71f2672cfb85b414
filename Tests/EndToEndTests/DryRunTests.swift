import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct DryRunTests {
    private static func with(
        _ body: (ScriptedRegistry, Workspace) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { registry async throws in
            try await Workspace.with { workspace async throws in try await body(registry, workspace) }
        }
    }

    @Test("It lists what would be copied, why, and how many bytes that is")
    func lines() async throws {
        try await Self.with { registry, workspace async throws in
            let (old, new) = (SampleImage.image(labels: ["n": "1"]), SampleImage.image(labels: ["n": "2"]))
            registry.load(new, repository: "up/app", tag: "1.0")
            registry.load(old, repository: "down/app", tag: "1.0")
            registry.load(new, repository: "up/app", tag: "1.1")
            let entry = Entry(registry.place("up/app"), to: registry.place("down/app"), Entry.all, "check_digest: true")
            try workspace.configure(entry)
            let result = try await workspace.run("sync", "--dry-run")
            #expect(result.status == 0, "\(result.errors)")
            let bytes = new.blobs.reduce(Int64(0)) { $0 + $1.descriptor.size }
            let lines = result.lines.filter { $0.hasPrefix("would copy ") }
            #expect(
                lines
                    == [("1.1", "absent"), ("1.0", "digest differs")].map { tag, reason in
                        "would copy \(registry.place("up/app")):\(tag) -> \(registry.place("down/app")):\(tag) "
                            + "(\(reason)), \(bytes) bytes"
                    }
            )
            #expect(registry.store.tags(of: "down/app") == ["1.0": old.digest])
            let json = try await workspace.run("sync", "--dry-run", "--output", "json")
            #expect(json.output.contains("\"planned_bytes\": \(bytes)"))
        }
    }

    @Test(
        "What would fail fails: a tag that is missing, a source that is down, a platform that no image has",
        arguments: [("tag: '9.9'", "no tag '9.9'"), ("tag: '1.0'\n      platforms: [linux/s390x]", "linux/s390x")]
    )
    func failures(more: String, reason: String) async throws {
        try await Self.with { registry, workspace async throws in
            registry.load(.multiPlatform(), repository: "up/app", tag: "1.0")
            try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), more))
            let result = try await workspace.run("sync", "--dry-run")
            #expect(result.status == 1 && result.counts == [1, 0, 0, 1], "\(result.output)")
            #expect(result.output.contains(reason))
        }
    }
}
