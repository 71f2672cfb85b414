import OCI
import TestSupport
import Testing

/// A run in which some things go wrong and everything else is done.
@Suite(.timeLimit(.minutes(10)))
struct MixedRunTests {
    @Test("A bad entry, a failing hook and a moved tag: exit 1, the right counts and report, everything else done")
    func mixed() async throws {
        try await Mirror.with { mirror async throws in
            let (upstream, target) = (mirror.upstream, mirror.target)
            upstream.load(.image(), repository: "up/lib", tag: "2.0")
            let source = upstream.place("up/app")
            let entries = [
                Entry(source, to: target.place("down/app"), "tag: '1'", "check_digest: true"),
                Entry(upstream.place("up/gone"), to: target.place("down/gone"), "tag_regex: ."),
                Entry(
                    upstream.place("up/lib"),
                    to: target.place("down/lib"),
                    "tag_regex: '^2'",
                    "hooks: {post_sync: [{cmd: 'exit 3'}, {cmd: 'touch skipped'}]}"
                ),
                Entry(source, to: target.place("down/copy"), "tag: '1'", "hooks: {post_sync: [{cmd: 'touch done'}]}"),
            ]
            try mirror.workspace.configure(entries[0], entries[3])
            #expect(try await mirror.workspace.run("sync").counts == [2, 2, 0, 0])
            let moved = SampleImage.multiPlatform(seed: 9, layerSize: 5000)
            upstream.load(moved, repository: "up/app", tag: "1")
            let head = "sync:\n  hooks: {post_sync: [{cmd: 'echo $IMGLIFE_STATUS >status; cp $IMGLIFE_REPORT .'}]}\n"
            try mirror.workspace.configure(head + "  entries:\n" + entries.map(\.text).joined())
            let result = try await mirror.workspace.run("sync", "--output", "json")
            #expect(result.status == 1)
            try check(try JSONValue(parsing: result.stdout), moved: moved, mirror)
            #expect(target.store.digest(of: "1", in: "down/app") == moved.digest)
            #expect(target.store.digest(of: "1", in: "down/copy") == mirror.image.digest)
            #expect(target.store.digest(of: "2.0", in: "down/lib") == SampleImage.image().digest)
            let path = mirror.workspace.path
            #expect(Files.exists("\(path)/done") && !Files.exists("\(path)/skipped"))
            #expect(try Files.text("\(path)/status") == "failure\n")
            let again = try await mirror.workspace.run("sync")
            #expect(again.status == 1)
            #expect(again.counts == [4, 0, 3, 1])
            #expect(again.failures.count == 2, "\(again.output)")
            #expect(again.failures.contains { $0.contains("up/gone") && $0.contains("check 'source'") })
            #expect(again.failures.contains { $0.contains("status 3") || $0.contains("exit") }, "\(again.output)")
        }
    }

    private func check(_ report: JSONValue, moved: SampleImage, _ mirror: Mirror) throws {
        let totals = ["managed", "synced", "up_to_date", "errors"].map { report["totals"]?[$0]?.integer }
        #expect(totals == [4, 2, 1, 1])
        #expect(report["run"]?["status"]?.string == "failure")
        let rows = try #require(report["rows"]?.elements)
        #expect(rows.map { $0["status"]?.string } == ["synced", "failed", "synced", "up-to-date"])
        #expect(rows.map { $0["entry"]?.integer } == [0, 1, 2, 3])
        #expect(rows[0]["digest"]?.string == moved.digest.description)
        #expect(rows[0]["source_digest"]?.string == moved.digest.description)
        #expect(rows[1]["source_tag"] == nil && rows[1]["target_tag"] == nil)
        #expect(rows[1]["reason"]?.string?.contains("\(mirror.upstream.host)") == true)
        #expect(rows[2]["target_tag"]?.string == "2.0")
        let hooks = try #require(report["hooks"]?.elements)
        let states = hooks.map { "\($0["entry"]?.integer ?? -1) \($0["status"]?.string ?? "")" }
        #expect(Set(states) == ["2 failure", "2 skipped", "3 success", "-1 success"], "\(states)")
    }
}
