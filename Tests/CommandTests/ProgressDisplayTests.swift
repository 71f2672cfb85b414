import NIOCore
import OCI
import Synchronization
import TestSupport
import Testing

@testable import Sync
@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct ProgressDisplayTests {
    @Test(
        "A recorded run leaves its log lines on the screen and no bars",
        .requires(.pseudoTerminal),
        arguments: [20, 40, 80, 200]
    )
    func recordedRun(columns: UInt16) async throws {
        let tty = try #require(PseudoTerminal(columns: columns, rows: 8))
        let terminal = Terminal(descriptor: tty.descriptor)
        let clock = SteppedClock()
        let progress = SyncProgress()
        var screen = Screen(columns: Int(columns), rows: 8)
        let style = ProgressStyle(.auto, environment: ["TERM": "xterm"], terminal: terminal)
        let display = ProgressDisplay(style: style, progress: progress, clock: clock)
        #expect(style.form == .live)
        try await display.showing {
            progress.expect(entries: 1)
            await clock.step(by: .milliseconds(100))
            screen.write(tty.output())
            #expect(screen.lines == ["listing 1 entry · 0s"].map { columns == 20 ? "listing 1 entry" : $0 })
            progress.planned(tags: 12)
            let transfers = (1...9).map { progress.begin("blob\($0)", size: 1000) }
            for (step, transfer) in transfers.enumerated() {
                progress.advance(transfer, to: Int64(100 * step))
                await clock.step(by: .milliseconds(100))
                terminal.write("log \(step)\n")
                screen.write(tty.output())
            }
            #expect(screen.isCursorVisible)
            #expect(screen.lines.last?.hasPrefix("0 of 12 tags") == true)
            #expect(screen.lines.count { $0.hasPrefix("blob") } == 5)
            #expect(screen.lines.contains("+4 more"))
        }
        screen.write(tty.output())
        #expect(screen.lines == (0..<9).map { "log \($0)" })
        #expect(screen.isCursorVisible)
        #expect(!screen.hasWrapped)
        #expect(screen.unknown.isEmpty)
    }

    @Test("The bars are gone when the work fails", .requires(.pseudoTerminal))
    func failure() async throws {
        let tty = try #require(PseudoTerminal(columns: 40, rows: 8))
        let clock = SteppedClock()
        let progress = SyncProgress()
        let display = LiveProgress(progress: progress, terminal: Terminal(descriptor: tty.descriptor), clock: clock)
        var screen = Screen(columns: 40, rows: 8)
        await #expect(throws: CancellationError.self) {
            try await display.showing {
                progress.planned(tags: 3)
                await clock.step(by: .milliseconds(100))
                screen.write(tty.output())
                throw CancellationError()
            }
        }
        #expect(screen.lines == ["0 of 3 tags · 0s"])
        screen.write(tty.output())
        #expect(screen.lines.isEmpty)
        #expect(screen.isCursorVisible)
    }

    @Test("A frame is written only when something has changed", .requires(.pseudoTerminal))
    func onlyChanges() async throws {
        let tty = try #require(PseudoTerminal(columns: 40, rows: 8))
        let clock = SteppedClock()
        let progress = SyncProgress()
        let display = LiveProgress(progress: progress, terminal: Terminal(descriptor: tty.descriptor), clock: clock)
        try await display.showing {
            progress.planned(tags: 3)
            await clock.step(by: .milliseconds(100))
            #expect(tty.output().contains("0 of 3 tags"))
            for _ in 0..<8 { await clock.step(by: .milliseconds(100)) }
            #expect(tty.output().isEmpty)
            await clock.step(by: .milliseconds(100))
            #expect(tty.output().contains("1s"))
        }
    }

    @Test("Plain progress is a line every ten seconds in which something changed")
    func plain() async throws {
        let told = Mutex<[String]>([])
        let clock = SteppedClock()
        let progress = SyncProgress()
        let display = PlainProgress(
            progress: progress,
            clock: clock,
            tell: { line in told.withLock { $0.append(line) } }
        )
        try await display.showing {
            await clock.step(by: .seconds(10))
            #expect(told.withLock { $0 }.isEmpty)
            progress.expect(entries: 1)
            progress.planned(tags: 4)
            progress.finished(failed: false)
            await clock.step(by: .seconds(9))
            #expect(told.withLock { $0 }.isEmpty)
            await clock.step(by: .seconds(1))
            await clock.step(by: .seconds(10))
            progress.advance(progress.begin("a", size: 5000), to: 4096)
            progress.finished(failed: true)
            await clock.step(by: .seconds(10))
        }
        #expect(
            told.withLock { $0 } == [
                "1 of 4 tags, 0 B transferred, 0 under way\n",
                "2 of 4 tags, 1 failed, 4.0 KiB transferred, 1 under way\n",
            ]
        )
    }

    @Test("Plain progress between log lines of JSON is JSON too")
    func json() async throws {
        let told = Mutex<[String]>([])
        let clock = SteppedClock()
        let progress = SyncProgress()
        let display = PlainProgress(
            progress: progress,
            format: .json,
            clock: clock,
            tell: { line in told.withLock { $0.append(line) } }
        )
        try await display.showing {
            progress.expect(entries: 1)
            progress.planned(tags: 4)
            progress.advance(progress.begin("a", size: 5000), to: 4096)
            progress.finished(failed: true)
            await clock.step(by: .seconds(10))
            await clock.step(by: .seconds(10))
        }
        let line = try #require(told.withLock { $0.count == 1 ? $0.first : nil })
        let value = try JSONValue(parsing: ByteBuffer(string: line))
        #expect(line.hasSuffix("}\n") && value["time"]?.string != nil && value["level"]?.string == "info")
        #expect(value["message"]?.string == "progress")
        let figures = ["tags", "finished", "failed", "bytes", "transfers"].map { value[$0]?.integer }
        #expect(figures == [4, 1, 1, 4096, 1])
    }

    @Test("A blob that waits for a free connection is no bar yet, but counts as work that is left")
    func waiting() {
        let progress = SyncProgress()
        let first = progress.begin("first", size: 1000)
        let second = progress.begin("second", size: 500)
        #expect(progress.snapshot.transfers.isEmpty && progress.snapshot.waitingBytes == 1500)
        progress.advance(second, to: 10)
        #expect(progress.snapshot.transfers.map(\.name) == ["second"] && progress.snapshot.waitingBytes == 1000)
        progress.end(first)
        #expect(progress.snapshot.transfers.map(\.name) == ["second"] && progress.snapshot.waitingBytes == 0)
        progress.advance(first, to: 20)
        progress.end(second)
        #expect(progress.snapshot.transfers.isEmpty && progress.snapshot.bytes == 10)
    }

    @Test(
        "Bars need a terminal that is known to move its cursor",
        .requires(.pseudoTerminal),
        arguments: [
            (.auto, "xterm", true, .live), (.auto, "dumb", true, .plain), (.auto, nil, true, .plain),
            (.auto, "xterm", false, .plain), (.plain, "xterm", true, .plain), (.none, "xterm", true, .nothing),
        ] as [(ProgressStyle.Mode, String?, Bool, ProgressStyle.Form)]
    )
    func forms(mode: ProgressStyle.Mode, term: String?, isTerminal: Bool, form: ProgressStyle.Form) throws {
        let tty = try #require(PseudoTerminal(columns: 80, rows: 24))
        let style = ProgressStyle(
            mode,
            environment: term.map { ["TERM": $0] } ?? [:],
            terminal: Terminal(descriptor: isTerminal ? tty.descriptor : -1)
        )
        #expect(style.form == form)
    }

    @Test(
        "Among log lines of JSON stand no bars, and who wants troubles only sees no progress",
        .requires(.pseudoTerminal),
        arguments: [
            (.auto, .json, .info, .plain), (.plain, .json, .info, .plain), (.none, .json, .info, .nothing),
            (.auto, .text, .warning, .nothing), (.auto, .json, .error, .nothing), (.auto, .text, .notice, .live),
            (.plain, .text, .warning, .plain), (.auto, .text, .debug, .live),
        ] as [(ProgressStyle.Mode, GlobalOptions.LogFormat, LogLevel, ProgressStyle.Form)]
    )
    func quietForms(
        mode: ProgressStyle.Mode,
        format: GlobalOptions.LogFormat,
        level: LogLevel,
        form: ProgressStyle.Form
    ) throws {
        let tty = try #require(PseudoTerminal(columns: 80, rows: 24))
        let terminal = Terminal(descriptor: tty.descriptor)
        let environment = ["TERM": "xterm"]
        let style = ProgressStyle(
            mode,
            level: level.level,
            format: format,
            environment: environment,
            terminal: terminal
        )
        #expect(style.form == form)
    }

    @Test(
        "A long name is cut, and the figures behind it stay",
        arguments: [
            (80, "imported /archives/of/may/app.tar: 1.0/4.0 KiB"), (34, "imported /a…y/app.tar: 1.0/4.0 KiB"),
            (11, " 1.0/4.0 KiB"),
        ]
    )
    func longNames(_ columns: Int, _ line: String) {
        let progress = ByteProgress("imported", "/archives/of/may/app.tar", total: 4096)
        progress.add(1024)
        #expect(progress.text(columns: columns) == line)
        #expect(progress.text(columns: nil) == "imported /archives/of/may/app.tar: 1.0/4.0 KiB")
    }

    @Test("Progress of an import or a verification is a line of JSON among such lines", .requires(.pseudoTerminal))
    func workInJSON() async throws {
        let tty = try #require(PseudoTerminal(columns: 80, rows: 24))
        let terminal = Terminal(descriptor: tty.descriptor)
        let clock = SteppedClock()
        let style = ProgressStyle(.auto, format: .json, environment: ["TERM": "xterm"], terminal: terminal)
        let display = WorkProgress(style: style, clock: clock) { _, _ in "verified 1 of 2 blobs" }
        try await display.showing {
            await clock.step(by: .seconds(10))
            await clock.step(by: .seconds(10))
        }
        let lines = tty.output().split(whereSeparator: \.isNewline)
        #expect(lines.count == 1)
        let value = try JSONValue(parsing: ByteBuffer(string: String(lines.first ?? "")))
        #expect(value["message"]?.string == "verified 1 of 2 blobs")
    }
}
