import OCI
import TestSupport
import Testing

/// `imglife plan` and the lists of `sync`, as a person and as another program reads them.
@Suite(.timeLimit(.minutes(10)))
struct PlanCommandTests {
    private static func json(_ result: ToolResult) throws -> JSONValue {
        try JSONValue(parsing: Array(result.output.utf8))
    }

    @Test("A plan says what a run would copy and cost, writes nothing, and is empty after the run")
    func beforeAndAfter() async throws {
        try await Mirror.with { mirror async throws in
            let first = try await mirror.workspace.run("plan", "--read-manifests")
            #expect(first.status == 0, "\(first.errors)")
            let image = mirror.image
            let size = ByteCount(image.blobSize)
            #expect(first.lines[0] == "Plan: 1 entry, tags: 1 to copy")
            #expect(first.lines[1] == "\(mirror.upstream.place("up/app")) -> \(mirror.target.place("down/app"))")
            #expect(first.lines[2] == "  copy        1 tag (absent): 1")
            #expect(first.lines[3] == "  cost        3 manifests to read, \(size) to download, \(size) to push")
            #expect(try Files.list(mirror.workspace.path) == ["imglife.yaml"])
            #expect(mirror.target.requests.allSatisfy { ["GET", "HEAD"].contains($0.method) })
            try await mirror.expectSuccess()
            let second = try await mirror.workspace.run("plan")
            #expect(second.lines == ["Plan: 1 entry, tags: 1 up to date", first.lines[1], "  up to date  1 tag: 1"])
        }
    }

    @Test("The documents of plans and lists have a version and a kind")
    func documents() async throws {
        try await Mirror.with { mirror async throws in
            let plan = try Self.json(try await mirror.workspace.run("plan", "--output", "json"))
            #expect(plan["version"]?.integer == 1 && plan["kind"]?.string == "plan")
            #expect(plan["entries"]?.elements?.first?["tags"]?.elements?.first?["decision"]?.string == "copy")
            #expect(plan["totals"]?["copy"]?.integer == 1)
            let list = try Self.json(try await mirror.workspace.run("sync", "--list", "--output", "json"))
            #expect(list["version"]?.integer == 1 && list["kind"]?.string == "list")
            let tag = list["entries"]?.elements?.first?["tags"]?.elements?.first
            #expect(tag?["source_tag"]?.string == "1" && tag?["decision"]?.string == "undecided")
            let run = try Self.json(try await mirror.workspace.run("sync", "--dry-run", "--output", "json"))
            #expect(run["version"]?.integer == 1 && run["run"]?["dry_run"]?.bool == true)
            #expect(run["rows"]?.elements?.first?["planned_bytes"]?.integer == mirror.image.blobSize)
        }
    }

    @Test("What a run would fail with ends a plan with 1, in text and in the document", arguments: ["text", "json"])
    func failing(output: String) async throws {
        try await Mirror.with { mirror async throws in
            try mirror.workspace.configure(Entry(mirror.upstream.place("up/app"), to: "c.io/d", "tag: '7'"))
            let down = Entry(mirror.upstream.place("up/none"), to: mirror.target.place("down/x"), Entry.all)
            let gone = Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag: '7'")
            try mirror.workspace.configure(down, gone)
            let result = try await mirror.workspace.run("plan", "--output", output)
            #expect(result.status == 1)
            if output == "json" {
                let entries = try #require(try Self.json(result)["entries"]?.elements)
                #expect(entries[0]["failure"]?["code"]?.string == "not-found")
                #expect(entries[1]["tags"]?.elements?.first?["code"]?.string == "not-found")
            } else {
                #expect(result.output.contains("\n  fails       \(mirror.upstream.host) has no repository 'up/none'"))
                #expect(result.output.contains("\n  fails       1 tag: 7\n              "))
            }
            let list = try await mirror.workspace.run("sync", "--list", "--output", output)
            #expect(list.status == 1)
        }
    }

    @Test(
        "A reader that goes away does not turn a failure into a success",
        .requires(.tool("mkfifo")),
        arguments: ["plan", "plan --output json", "sync --list", "plan --explain"]
    )
    func readerGone(command: String) async throws {
        try await Mirror.with { mirror async throws in
            let source = mirror.upstream.place("up/none")
            try mirror.workspace.configure(Entry(source, to: mirror.target.place("down/x"), Entry.all))
            let line = command.hasSuffix("explain") ? "\(command) \(source):1" : command
            let result = try await mirror.workspace.shell(
                "mkfifo go; { read -r _ <go; \"$imglife\" \(line); echo $? >status; } | { exec <&-; echo >go; }; cat status"
            )
            #expect(result.output == "1\n", "\(result.errors)")
        }
    }

    @Test("A fixed tag is explained without a list, and what another entry wants at its place is told")
    func explainedFixed() async throws {
        try await Mirror.with { mirror async throws in
            let (source, other) = (mirror.upstream.place("up/app"), mirror.upstream.place("up/other"))
            let target = mirror.target.place("down/app")
            mirror.upstream.load(.image(labels: ["a": "b"]), repository: "up/other", tag: "1")
            try mirror.workspace.configure(
                Entry(source, to: target, "tag: '1'"),
                Entry(other, to: target, "tag_regex: '^1$'")
            )
            let conflict = try await mirror.workspace.run("plan", "--explain", "\(other):1")
            #expect(conflict.status == 1 && conflict.lines.last?.contains("so: failed") == true, "\(conflict.output)")
            #expect(conflict.lines.count { $0.contains(" -> ") } == 1)
            mirror.upstream.script(RequestMatch("GET", .tags, times: nil), .status(403))
            try mirror.workspace.configure(Entry(source, to: target, "tag: '1'"))
            let fixed = try await mirror.workspace.run("plan", "--explain", "\(source):1")
            #expect(
                fixed.lines == [
                    "\(source):1 -> \(target) (sync.entries[0])", "  tag: 1: names it", "  so: copy (absent)",
                ]
            )
            #expect(
                try await mirror.workspace.run("plan", "--explain", "\(source):2").lines.last == "  so: not mirrored"
            )
        }
    }

    @Test("That nobody has looked whether a tag has the platforms is told where it is explained")
    func explainedUnread() async throws {
        try await Mirror.with { mirror async throws in
            let (source, target) = (mirror.upstream.place("up/app"), mirror.target.place("down/app"))
            try mirror.workspace.configure(Entry(source, to: target, "tag: '1'", "platforms: [linux/mips]"))
            let unread = try await mirror.workspace.run("plan", "--explain", "\(source):1")
            #expect(unread.status == 0, "\(unread.errors)")
            let lines = ["  platforms: not looked at without --read-manifests", "  so: copy (absent)"]
            #expect(unread.lines.suffix(2) == lines, "\(unread.output)")
            let read = try await mirror.workspace.run("plan", "--read-manifests", "--explain", "\(source):1")
            #expect(read.status == 1 && !read.output.contains("not looked at"), "\(read.output)")
        }
    }

    @Test("A tag is explained, for each entry of its source")
    func explained() async throws {
        try await Mirror.with { mirror async throws in
            let source = mirror.upstream.place("up/app")
            mirror.upstream.load(mirror.image, repository: "up/app", tag: "edge")
            try mirror.workspace.configure(Entry(source, to: mirror.target.place("down/app"), "tag_regex: '^[0-9]'"))
            let kept = try await mirror.workspace.run("plan", "--explain", "\(source):1")
            #expect(kept.status == 0, "\(kept.errors)")
            #expect(
                kept.lines == [
                    "\(source):1 -> \(mirror.target.place("down/app")) (sync.entries[0])",
                    "  \(source) lists it, among 2 tags",
                    "  tag_regex: '^[0-9]': keeps it, number 1 of 2 from the newest",
                    "  no keep_last: keeps it, number 1 of 1 from the newest", "  so: copy (absent)",
                ]
            )
            let left = try await mirror.workspace.run("plan", "--explain", "\(source):edge")
            #expect(left.lines.last == "  so: not mirrored")
            for (text, reason) in [("a.io/x:1", "no entry's source is a.io/x"), (source, "wants a tag")] {
                let wrong = try await mirror.workspace.run("plan", "--explain", text)
                #expect(wrong.status == 64 && wrong.errors.contains(reason), "\(wrong.errors)")
            }
        }
    }

    @Test("A plan of a run without upstream asks none, and fails for what the cache lacks")
    func offline() async throws {
        try await Mirror.with { mirror async throws in
            let absent = try await mirror.workspace.run("plan", "--offline")
            #expect(absent.status == 1 && absent.errors.contains("there is no cache"))
            try await mirror.expectSuccess()
            mirror.upstream.forgetRequests()
            mirror.target.store.remove("down/app")
            let plan = try await mirror.workspace.run("plan", "--offline")
            let size = ByteCount(mirror.image.blobSize)
            #expect(plan.lines[3] == "  cost        \(size) to push", "\(plan.output)")
            #expect(mirror.upstream.requests.isEmpty)
        }
    }
}
