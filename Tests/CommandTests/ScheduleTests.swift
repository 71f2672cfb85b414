import CacheSupport
import Concurrency
import FoundationEssentials
import Glibc
import Logging
import OCI
import Sync
import TestSupport
import Testing

@testable import imglife

/// When repeated runs begin.
@Suite(.timeLimit(.minutes(10)))
struct ScheduleTests {
    private static let schedule = Schedule(interval: .seconds(3600), chance: { 0.5 })

    @Test(
        "The first run begins when it is due",
        arguments: [
            (nil, 0), (Duration.seconds(-5), 0), (.seconds(0), 3600), (.seconds(600), 3000), (.seconds(3600), 0),
            (.seconds(90000), 0),
        ] as [(Duration?, Int)]
    )
    func first(_ elapsed: Duration?, _ delay: Int) {
        #expect(Self.schedule.firstDelay(since: elapsed) == .seconds(delay))
    }

    @Test(
        "The next one begins an interval after the last one began, and up to a tenth later",
        arguments: [
            (3600, 60, 0.0, 3540), (3600, 60, 1, 3900), (3600, 60, 0.5, 3720), (3600, 4000, 0, 0), (3600, 4000, 1, 360),
            (360_000, 0, 1, 360_600),
        ]
    )
    func next(_ interval: Int, _ duration: Int, _ chance: Double, _ delay: Int) {
        let schedule = Schedule(interval: .seconds(interval))
        #expect(schedule.delay(after: .seconds(duration), chance: chance) == .seconds(delay))
    }

    @Test("Runs that take longer than the interval never overlap, and never pile up")
    func overlap() async throws {
        struct Enough: Error {}
        let clock = TestClock()
        let state = Watched((under: 0, most: 0, count: 0))
        var schedule = Schedule(interval: .seconds(2), chance: { 1 })
        let waits = Watched([Duration]())
        schedule.onWait = { wait in waits.update { $0.append(wait) } }
        await #expect(throws: Enough.self) {
            try await schedule.run(Timer(clock), since: nil) {
                state.update {
                    $0.under += 1
                    $0.most = max($0.most, $0.under)
                    $0.count += 1
                }
                clock.advance(by: state.value.count.isMultiple(of: 2) ? .seconds(5) : .milliseconds(500))
                await Task.yield()
                state.update { $0.under -= 1 }
                if state.value.count == 5 { throw Enough() }
            }
        }
        #expect(state.value.most == 1)
        #expect(waits.value == [.milliseconds(1700), .milliseconds(200), .milliseconds(1700), .milliseconds(200)])
    }

    /// Runs a test on a directory that is taken for a cache.
    private static func withCache(_ body: (_ path: String) async throws -> Void) async throws {
        try await TemporaryDirectory.with { path in
            for name in ["blobs", "locks"] { try Files.makeDirectory("\(path)/\(name)") }
            try await body(path)
        }
    }

    @Test("Where there is no cache nothing is kept, so that one can be made there")
    func withoutCache() async throws {
        try await TemporaryDirectory.with { path async throws in
            for place in [path, "\(path)/absent"] {
                let memory = ScheduleMemory(
                    cacheDirectory: place,
                    configuration: "b.yaml",
                    logger: Logger(label: "test")
                )
                memory.note(Date(timeIntervalSince1970: 1_000_000))
                #expect(memory.lastBeginning() == nil)
            }
            #expect(try Files.list(path) == [])
        }
    }

    @Test("What others have noted is not written over while it cannot be read")
    func unreadable() async throws {
        try await Self.withCache { path async throws in
            let memories = ["a.yaml", "b.yaml"].map { file in
                ScheduleMemory(cacheDirectory: path, configuration: file, logger: Logger(label: "test"))
            }
            let time = Date(timeIntervalSince1970: 1_000_000)
            memories[0].note(time)
            try await withFaulty("open", on: "\(path)/schedule.json", code: EIO, times: 1) { _ in
                memories[1].note(time)
            }
            #expect(memories.map { $0.lastBeginning() } == [time, nil])
        }
    }

    @Test("A restart waits for the rest of the interval")
    func restart() async throws {
        try await Self.withCache { path async throws in
            let memory = ScheduleMemory(
                cacheDirectory: path,
                configuration: "a/../b.yaml",
                logger: Logger(label: "test")
            )
            #expect(memory.lastBeginning() == nil)
            memory.note(Date(timeIntervalSince1970: 1_000_000))
            let others = ScheduleMemory(cacheDirectory: path, configuration: "c.yaml", logger: Logger(label: "test"))
            others.note(Date(timeIntervalSince1970: 2_000_000))
            let again = ScheduleMemory(cacheDirectory: path, configuration: "b.yaml", logger: Logger(label: "test"))
            #expect(again.lastBeginning() == Date(timeIntervalSince1970: 1_000_000))
            let part = ScheduleMemory(
                cacheDirectory: path,
                configuration: "b.yaml",
                part: ["--entry x"],
                logger: Logger(label: "test")
            )
            #expect(part.lastBeginning() == nil)
            let text = try Files.text("\(path)/schedule.json")
            for broken in [
                "{broken", text.replacing("1000000", with: "1e300"), text.replacing("1000000", with: "-1e9"),
            ] {
                try Files.write(broken, to: "\(path)/schedule.json")
                #expect(again.lastBeginning() == nil)
            }
        }
    }

    @Test("A restart knows how the last run ended, and an earlier version's file tells no more than when it began")
    func lastEnd() async throws {
        try await Self.withCache { path async throws in
            let memory = ScheduleMemory(cacheDirectory: path, configuration: "b.yaml", logger: Logger(label: "test"))
            let moment = Date(timeIntervalSince1970: 1_000_000)
            memory.note(moment)
            #expect(memory.lastEnd() == nil && memory.lastBeginning() == moment)
            let end = RunEnd(SyncReport(), ended: moment, lastSuccess: 3, hasFailed: true)
            memory.note(moment, end)
            #expect(memory.lastEnd() == end && end.lastSuccess == 3 && !end.isSuccess)
            memory.note(moment)
            #expect(memory.lastEnd() == end)
            let text = RunMetrics(end).text
            #expect(text.contains("imglife_sync_last_success_timestamp_seconds 3\n"))
            #expect(text.contains("imglife_sync_last_run_success 0\n") && !text.contains("imglife_sync_tags"))
            let file = "\(path)/schedule.json"
            try Files.write(
                try Files.text(file).replacing("\"lastSuccess\":3", with: "\"lastSuccess\":1e300"),
                to: file
            )
            #expect(memory.lastEnd() == nil && memory.lastBeginning() == moment)
        }
    }

    @Test("Cancelling ends the wait at once")
    func cancellation() async throws {
        let clock = ManualClock()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await Self.schedule.run(Timer(clock), since: .seconds(1)) { Issue.record("no run is due") }
            }
            try await clock.waitForSleepers()
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
    }

    @Test("The metrics are Prometheus text, and remember the last success")
    func metrics() async throws {
        try await TemporaryDirectory.with { path async throws in
            let file = MetricsFile(path: "\(path)/imglife.prom")
            var report = SyncReport()
            report.duration = .milliseconds(1500)
            try await file.write(report)
            let good = try Files.text(file.path)
            #expect(good.contains("imglife_sync_last_run_duration_seconds 1.5\n"))
            #expect(good.contains("imglife_sync_last_run_success 1\n"))
            let success = try #require(good.split(separator: "\n").first { $0.hasPrefix("imglife_sync_last_success") })
            let route = SyncReport.Route(
                source: try RepositoryReference("a.io/b"),
                target: try RepositoryReference("c.io/d")
            )
            let row = SyncReport.Row(entry: 0, route: route, sourceTag: nil, targetTag: nil, status: .failed)
            report.rows = [row, row]
            let failing = RunMetrics(report, ended: Date(timeIntervalSince1970: 5), lastSuccess: 3)
            #expect(failing.text.contains("imglife_sync_last_success_timestamp_seconds 3\n"))
            #expect(failing.text.contains("imglife_sync_last_run_success 0\n"))
            #expect(failing.text.contains("imglife_sync_tags{status=\"failed\"} 2\n"))
            #expect(success.split(separator: " ").last.flatMap { Double($0) }.map { $0 > 1_000_000 } == true)
            for name in Set(
                good.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { $0.prefix { !" {".contains($0) } }
            ) {
                #expect(good.contains("# HELP \(name) ") && good.contains("# TYPE \(name) gauge\n"))
            }
            #expect(try Files.list(path) == ["imglife.prom"])
        }
    }
}
