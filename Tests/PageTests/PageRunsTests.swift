import OCI
import Serve
import TestSupport
import Testing

@testable import Page
@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct PageRunsTests {
    private static func run(_ failures: [PageRun.Failure], at moment: Int64) throws -> PageRun {
        var run = PageRun(began: moment, ended: moment + 90)
        run.tags = 20
        run.synced = 3
        run.failures = failures
        run.repositories = [try RepositoryReference("alpine")]
        return run
    }

    @Test("The last syncs are told with what failed, and each repository with its own last one")
    func failures() async throws {
        let fixture = try PageFixture([["alpine:1"], ["busybox:1"]])
        let failure = PageRun.Failure(try RepositoryReference("alpine"), "3.9", reason: "registry says <no>")
        let runs = [
            try Self.run([failure], at: PageFixture.now - 7290), try Self.run([], at: PageFixture.now - 90_000),
        ]
        fixture.runs.update { [runs] in
            $0 = PageRuns()
            $0?.ended = runs
        }
        let html = try await fixture.get("/").text
        #expect(html.contains(##"<a class="ended" href="#syncs">The last sync failed for 1 tag</a>"##))
        #expect(html.contains("20 tags, 3 synced"))
        #expect(html.contains("<li><code>docker.io/library/alpine:3.9</code> registry says &lt;no&gt;</li>"))
        #expect(html.contains(#"2 hours ago</time> <span class="ended">1 failed</span>"#))
        #expect(html.contains(#"<td class="nowrap named empty" data-label="Synced">"#))
        #expect(!html.contains("http-equiv"))
    }

    @Test("While a sync runs the page says so and is asked for again; without a schedule there is nothing of it")
    func running() async throws {
        let fixture = try PageFixture([["alpine:1"]])
        #expect(try await !fixture.get("/").text.contains("syncs"))
        fixture.runs.update {
            $0 = PageRuns()
            $0?.isRunning = true
        }
        let html = try await fixture.get("/").text
        #expect(html.contains(##"<a class="quiet" href="#syncs">A sync is running</a>"##))
        #expect(html.contains("None has ended since the server was started."))
        #expect(html.contains(#"<meta http-equiv="refresh" content="5">"#))
    }

    @Test("Interrupted downloads are a figure of their own")
    func partials() async throws {
        let fixture = try PageFixture([["alpine:1"]])
        fixture.partials.update { $0 = (2, 5 << 20) }
        let html = try await fixture.get("/").text
        #expect(html.contains("<dt>Interrupted downloads</dt><dd>2, 5.0 MiB</dd>"))
        #expect(!html.contains("Staged by imports"))
    }

    @Test("What imports have staged is a figure of its own")
    func staged() async throws {
        let fixture = try PageFixture([["alpine:1"]])
        fixture.staged.update { $0 = (3, 6 << 20) }
        let html = try await fixture.get("/").text
        #expect(html.contains("<dt>Staged by imports</dt><dd>3, 6.0 MiB</dd>"))
        #expect(!html.contains("Interrupted downloads"))
    }
}
