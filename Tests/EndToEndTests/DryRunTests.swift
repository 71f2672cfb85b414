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

    @Test("What refers to a copied image and is new would be copied, as far as a cache tells what was copied")
    func referrers() async throws {
        try await Mirror.with { mirror async throws in
            let (registry, target, workspace) = (mirror.upstream, mirror.target, mirror.workspace)
            let image = mirror.image
            try workspace.configure(
                Entry(registry.place("up/app"), to: target.place("down/app"), Entry.all, "referrers: true")
            )
            #expect(try await workspace.run("sync").status == 0)
            let before = try await workspace.run("sync", "--dry-run")
            #expect(before.counts == [1, 0, 1, 0], "\(before.output)")
            let signature = try TagName("sha256-\(image.digest.hex).sig")
            registry.load(.image(labels: ["of": "1.0"]), repository: "up/app", tag: signature)
            let result = try await workspace.run("sync", "--dry-run")
            #expect(result.status == 0 && result.counts == [1, 1, 0, 0], "\(result.output)\(result.errors)")
            #expect(result.output.contains("/down/app:1 (referrers new), "), "\(result.output)")
            #expect(try await workspace.run("sync").counts == [1, 1, 0, 0])
            #expect(try await workspace.run("sync", "--dry-run").counts == [1, 0, 1, 0])
            #expect(try await workspace.run("sync").counts == [1, 0, 1, 0])
        }
    }

    @Test("A run and its dry run agree, tag by tag, over what goes well and what fails")
    func agrees() async throws {
        try await Self.with { registry, workspace async throws in
            for number in 0..<5 {
                registry.load(.image(labels: ["n": "\(number)"]), repository: "up/app", tag: try TagName("1.\(number)"))
            }
            registry.load(.multiPlatform(), repository: "up/many", tag: "1.0")
            registry.load(.image(labels: ["n": "old"]), repository: "down/app", tag: "1.1")
            registry.load(.image(labels: ["n": "2"]), repository: "down/app", tag: "1.2")
            registry.script(RequestMatch("GET", .manifest("1.4"), times: nil), .status(403))
            try workspace.configure(
                Entry(registry.place("up/app"), to: registry.place("down/app"), Entry.all, "check_digest: true"),
                Entry(
                    registry.place("up/many"),
                    to: registry.place("down/many"),
                    "tag: '1.0'",
                    "platforms: [linux/s390x]"
                ),
                Entry(registry.place("up/none"), to: registry.place("down/none"), Entry.all)
            )
            func rows(_ arguments: String...) async throws -> [[String]] {
                let result = try await workspace.launch([Workspace.program, "sync", "--output", "json"] + arguments)
                #expect(result.status == 1, "\(result.errors)")
                let document = try JSONValue(parsing: Array(result.output.utf8))
                let keys = ["source_tag", "target_tag", "status", "digest", "source_digest", "code"]
                return (document["rows"]?.elements ?? []).map { row in keys.map { row[$0]?.string ?? "-" } }
            }
            let foreseen = try await rows("--dry-run")
            #expect(foreseen.count == 7 && Set(foreseen.map { $0[2] }) == ["synced", "up-to-date", "failed"])
            #expect(try await rows() == foreseen)
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
