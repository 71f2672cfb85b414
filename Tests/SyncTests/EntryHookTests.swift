import FoundationEssentials
import OCI
import Registry
import Synchronization
import TestSupport
import Testing

@testable import Sync

/// Hooks of many entries.
@Suite(.timeLimit(.minutes(10)))
struct EntryHookTests {
    @Test("However many entries end together, the hooks of a few run at a time, and all run")
    func boundsHooks() async throws {
        let count = 150
        try await ScriptedRegistry.with { registry in
            registry.load(.image(), repository: "up/app", tag: "v1")
            try await TemporaryDirectory.with { directory in
                // Each counts who runs with it, and stays long enough to be counted. Nobody comes or goes while one counts.
                let command =
                    "exec 9>lock; flock 9; touch run.$$; flock -u 9; n=0; while [ $n -lt 4000 ]; do n=$((n+1)); done; "
                    + "flock 9; ls run.* | wc -l >> counts; rm run.$$"
                let entries = (0..<count).map { number in
                    "source: '\(registry.host)/up/none\(number)', target: '\(registry.host)/down/a\(number)', tag: v1, "
                        + "hooks: {post_sync: [{cmd: 'cd \(directory); \(command)'}]}"
                }
                let report = try await MirrorRun.with { run in
                    var run = run
                    run.hooks = HookRunner(environment: ["PATH": "/usr/bin:/bin"], logger: run.log.logger)
                    return try await run.run(entries)
                }
                #expect(report.hooks.count == count)
                #expect(report.hooks.allSatisfy { $0.outcome.result == .succeeded })
                let counts = try Files.text(directory + "/counts").split(separator: "\n").compactMap { line in
                    Int(line.drop { $0 == " " })
                }
                #expect(counts.count == count)
                #expect((counts.max() ?? 0) <= 8, "\(counts.max() ?? 0) at a time")
                #expect((counts.max() ?? 0) > 1)
            }
        }
    }

    @Test("The report that a run's hook gets says that the hook of an entry has failed", arguments: [false, true])
    func failedBefore(isIgnored: Bool) async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(.image(), repository: "up/app", tag: "v1")
            try await TemporaryDirectory.with { directory in
                let report = try await MirrorRun.with { run in
                    var run = run
                    run.hooks = HookRunner(environment: ["PATH": "/usr/bin:/bin"], logger: run.log.logger)
                    run.sections = "  hooks: {post_sync: [{cmd: 'cp $IMGLIFE_REPORT \(directory)/report'}]}\n"
                    return try await run.run(
                        "source: '\(registry.host)/up/app', target: '\(registry.host)/down/app', tag: v1, "
                            + "hooks: {post_sync: [{cmd: 'exit 3', continue_on_error: \(isIgnored)}]}"
                    )
                }
                #expect(report.errors == 0 && report.hookErrors == (isIgnored ? 0 : 1))
                let told = try JSONValue(parsing: Array(Files.text("\(directory)/report").utf8))
                #expect(told["run"]?["status"]?.string == (isIgnored ? "success" : "failure"))
            }
        }
    }

    @Test("Source tags that are one tag at the target are given it once, and a hook is told of it once")
    func oneTarget() async throws {
        try await ScriptedRegistry.with { registry in
            for tag in ["1.22-alpine3.21", "alpine3.21"] as [TagName] {
                registry.load(.image(), repository: "up/go", tag: tag)
            }
            let log = HookLog()
            let report = try await MirrorRun.with { run in
                var run = run
                run.hooks = HookRunner(environment: ["PATH": "/usr/bin:/bin"], logger: log.logger)
                run.sections = "  hooks: {post_sync: [{cmd: 'echo all $IMGLIFE_TAGS'}]}\n"
                return try await run.run(
                    "source: '\(registry.host)/up/go', target: '\(registry.host)/down/go', tag_regex: alpine, "
                        + "os_normalize: true, hooks: {post_sync: [{cmd: 'echo entry $IMGLIFE_TAGS'}]}"
                )
            }
            #expect(report.rows.map(\.status) == [.synced, .synced])
            #expect(report.rows.map(\.targetTag) == ["1.22-alpine3.21", "1.22-alpine3.21"])
            #expect(registry.count("PUT", pathContains: "/manifests/") == 1)
            #expect(log.lines == ["entry 1.22-alpine3.21", "all 1.22-alpine3.21"])
        }
    }

    @Test("A run lasts until the last of its hooks has ended")
    func duration() async throws {
        try await TemporaryDirectory.with { directory in
            let work = "n=0; while [ $n -lt 20000 ]; do n=$((n+1)); done; cp $IMGLIFE_REPORT \(directory)/report"
            let report = try await MirrorRun.with { run in
                var run = run
                run.hooks = HookRunner(environment: ["PATH": "/usr/bin:/bin"], logger: run.log.logger)
                run.sections = "  hooks: {post_sync: [{cmd: '\(work)'}]}\n"
                return try await run.run("source: '127.0.0.1:1/up/app', target: '127.0.0.1:1/down/app', tag: v1")
            }
            #expect(report.hooks.map(\.outcome.result) == [.succeeded])
            // What the hook was told is how long it had taken by then.
            let text = try Files.text("\(directory)/report")
            let told = try #require(
                text.firstMatch(of: /"duration_seconds": ?([0-9.]+)/).flatMap { Double($0.output.1) }
            )
            #expect(report.duration > .seconds(told) + .milliseconds(2), "\(report.duration), \(told)")
        }
    }

    @Test("The report that an entry's hook gets says when the entry began, and how long it has taken")
    func beginning() {
        let began = (date: Date(timeIntervalSince1970: 1_700_000_000), instant: ContinuousClock.now)
        let now = Mutex(began)
        let collector = RowCollector { now.withLock { $0 } }
        collector.begin(entry: 3)
        now.withLock { $0 = (began.date + 90, began.instant + .seconds(90)) }
        let report = collector.report(of: 3)
        #expect(report.started == began.date && report.duration == .seconds(90))
    }
}
