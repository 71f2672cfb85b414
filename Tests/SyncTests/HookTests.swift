import FoundationEssentials
import Glibc
import Logging
import OCI
import Sync
import Testing

@Suite(.timeLimit(.minutes(10)))
struct HookTests {
    private let log = HookLog()
    private let path = ["PATH": "/usr/local/bin:/usr/bin:/bin"]

    private func run(_ hooks: [Hook], context: HookContext = HookContext()) async throws -> [HookOutcome] {
        try await HookRunner(environment: path, logger: log.logger).run(hooks, context: context)
    }

    private func run(_ command: String) async throws -> HookOutcome.Result? {
        try await run([Hook(command: command)]).first?.result
    }

    @Test(
        "How the shell ends decides about the hook",
        arguments: [
            ("true", HookOutcome.Result.succeeded), ("exit 3", .exited(code: 3)), ("kill -9 $$", .signalled(9)),
            ("no-such-program", .exited(code: 127)),
        ]
    )
    func results(command: String, expected: HookOutcome.Result) async throws {
        #expect(try await run(command) == expected)
    }

    @Test("A failure skips the later hooks of the list and is the only error")
    func failureSkips() async throws {
        let outcomes = try await run([Hook(command: "echo 1"), Hook(command: "exit 2"), Hook(command: "echo 3")])
        #expect(outcomes.map(\.result) == [.succeeded, .exited(code: 2), .skipped])
        #expect(outcomes.map(\.isError) == [false, true, false])
        #expect(outcomes.map(\.hook.command) == ["echo 1", "exit 2", "echo 3"])
        #expect(log.lines == ["1"])
    }

    @Test("What a failed hook printed last is told also where only failures are", arguments: [true, false])
    func quiet(continuesOnError: Bool) async throws {
        var logger = log.logger
        logger.logLevel = .warning
        let hooks = [
            Hook(command: "echo well", continuesOnError: false),
            Hook(command: "seq 30; printf end; exit 3", continuesOnError: continuesOnError),
        ]
        _ = try await HookRunner(environment: path, logger: logger).run(hooks, context: HookContext())
        #expect(log.lines == (22...30).map { "\($0)" } + ["end"])
        #expect(log.count(of: continuesOnError ? .warning : .error) == 11)
    }

    @Test("With continue_on_error a failure is none, and the later hooks run")
    func continuesOnError() async throws {
        let outcomes = try await run([Hook(command: "exit 2", continuesOnError: true), Hook(command: "echo 3")])
        #expect(outcomes.map(\.result) == [.exited(code: 2), .succeeded])
        #expect(outcomes.map(\.isError) == [false, false])
        #expect(outcomes.map(\.isFailure) == [true, false])
        #expect(log.lines == ["3"])
        #expect(log.count(of: .warning) == 1)
        #expect(log.count(of: .error) == 0)
        #expect(log.ends.first == "failed with exit code 2; its output is in the log")
    }

    @Test("stdout and stderr go to the log line by line, in their order, named by hook and entry")
    func output() async throws {
        let context = HookContext(entry: 7, source: try ImageReference("docker.io/library/alpine").location)
        _ = try await run(
            [Hook(command: "echo a; echo b >&2; echo; printf c"), Hook(command: "printf 'd\\r\\n'")],
            context: context
        )
        #expect(log.lines == ["a", "b", "", "c", "d"])
        let names = (0...1).map { "sync.entries[7].hooks.post_sync[\($0)] of docker.io/library/alpine" }
        #expect(log.hooks == Array(repeating: names[0], count: 4) + [names[1]])
    }

    @Test("The hook of a run is named by its place in the configuration")
    func nameOfRun() async throws {
        #expect(try await run([Hook(command: "true")]).map(\.name) == ["sync.hooks.post_sync[0]"])
    }

    @Test("Control characters in the output are escaped, and long lines cut")
    func unsafeOutput() async throws {
        _ = try await run("printf 'a\\033]0;x\\007b\\n'; printf '\\302\\233m\\n'; head -c 5000 /dev/zero | tr '\\0' x")
        #expect(log.lines.prefix(2) == ["a\\u{1b}]0;x\\u{7}b", "\\u{9b}m"])
        #expect(log.lines.last == String(repeating: "x", count: 1024) + "…")
    }

    @Test("Output beyond 1 MiB is read but not logged, and the hook succeeds")
    func flood() async throws {
        #expect(try await run("yes 1234567 | head -c 5000000; exit 0") == .succeeded)
        let lines = log.lines
        #expect(lines.last == "[output beyond 1 MiB is left out]")
        #expect(lines.dropLast().reduce(0) { $0 + $1.utf8.count + 1 } == 1 << 20)
    }

    @Test("The standard input is empty")
    func emptyInput() async throws {
        #expect(try await run("wc -c; readlink /proc/self/fd/0") == .succeeded)
        #expect(log.lines == ["0", "/dev/null"])
    }

    @Test("A hook sees no descriptor of ours, ignores no signal, blocks none, and leads its own group and session")
    func cleanProcess() async throws {
        signal(SIGPIPE, SIG_IGN)
        let descriptor = open("/etc/passwd", O_RDONLY)
        defer { close(descriptor) }
        // The shell has the pipe's end open while it starts ls, and no more when ls looks. It becomes grep itself afterwards:
        // while it starts another process it blocks signals of its own accord.
        _ = try await run(
            "ls -l /proc/$$/fd 2>/dev/null | grep -c passwd; exec grep -hE '^Sig(Ign|Blk)' /proc/self/status"
        )
        _ = try await run("cut -d' ' -f5,6 /proc/$$/stat; echo $$ $$")
        #expect(log.lines.count == 5)
        #expect(log.lines.first == "0")
        // Above 31 are the thread library's own, and real-time signals.
        let masks = log.lines.dropFirst().prefix(2).compactMap { UInt64($0.suffix(16), radix: 16) }
        #expect(masks.map { $0 & 0x7FFF_FFFF } == [0, 0])
        #expect(log.lines.count == 5 && log.lines[3] == log.lines[4])
        #expect(getpgrp() != pid_t(log.lines.last?.split(separator: " ").first ?? "0"))
    }

    @Test("At the timeout the whole group ends, grandchildren included")
    func timeout() async throws {
        let log = log
        let clock = GatedClock { await log.wait(for: "ready") }
        let hook = Hook(command: "sh -c 'sleep 1000 & echo $!; echo $$; echo ready; wait' & wait")
        let runner = HookRunner(environment: path, logger: log.logger, clock: clock)
        let outcomes = try await runner.run([hook, Hook(command: "echo later")], context: HookContext())
        #expect(outcomes.map(\.result) == [.timedOut, .skipped])
        #expect(outcomes.first?.isError == true)
        let processes = log.lines.compactMap { pid_t($0) }
        #expect(processes.count == 2)
        for process in processes { #expect(await goesAway(process)) }
    }

    @Test("A hook that has ended in time is not called late by who learns of both at once", arguments: [0, 3])
    func lateLook(code: Int32) async throws {
        let log = log
        let clock = GatedClock(isLate: true) {
            await log.wait(for: "ready")
            if let process = log.lines.compactMap({ pid_t($0) }).first {
                while isRunning(process) { await Task.yield() }
            }
        }
        let runner = HookRunner(environment: path, logger: log.logger, clock: clock)
        let outcomes = try await runner.run(
            [Hook(command: "echo $$; echo ready; exit \(code)")],
            context: HookContext()
        )
        #expect(outcomes.map(\.result) == [code == 0 ? .succeeded : .exited(code: code)])
    }

    @Test("A group that ignores TERM is killed after the grace period", .timeLimit(.minutes(10)))
    func ignoredTermination() async throws {
        let log = log
        let clock = GatedClock { await log.wait(for: "ready") }
        let hook = Hook(command: "trap 'echo ready' TERM; sleep 1000 & echo $!; echo ready; while :; do wait; done")
        let runner = HookRunner(environment: path, logger: log.logger, clock: clock)
        #expect(try await runner.run([hook], context: HookContext()).map(\.result) == [.timedOut])
        let process = try #require(log.lines.compactMap { pid_t($0) }.first)
        #expect(await goesAway(process))
    }

    @Test("What a hook leaves in its group is killed, and its pipe waited for by nobody", .timeLimit(.minutes(10)))
    func background() async throws {
        #expect(try await run("sleep 1000 & echo $!") == .succeeded)
        let process = try #require(log.lines.compactMap { pid_t($0) }.first)
        #expect(await goesAway(process))
    }

    @Test("A process in a session of its own outlives the hook, which does not wait for it", .timeLimit(.minutes(10)))
    func ownSession() async throws {
        // The shell in the new session says that it is there by taking the fifo's other end.
        let process = try await withTemporaryDirectory { directory in
            let fifo = "\(directory)/fifo"
            let command = "mkfifo \(fifo); setsid sh -c 'echo $$ >\(fifo); exec sleep 1000' & cat \(fifo)"
            #expect(try await run(command) == .succeeded)
            return try #require(log.lines.compactMap { pid_t($0) }.first)
        }
        #expect(isRunning(process))
        kill(process, SIGKILL)
    }

    @Test("A hook that closes its output is waited for, and still has its timeout", .timeLimit(.minutes(10)))
    func closedOutput() async throws {
        let outcomes = try await run([
            Hook(command: "exec >/dev/null 2>&1; sleep 0.1; exit 4", continuesOnError: true),
            Hook(command: "exec >/dev/null 2>&1; sleep 1000", timeout: .milliseconds(100)),
        ])
        #expect(outcomes.map(\.result) == [.exited(code: 4), .timedOut])
    }

    @Test("Cancellation ends the group before it is thrown", .timeLimit(.minutes(10)))
    func cancellation() async throws {
        let log = log
        let runner = HookRunner(environment: path, logger: log.logger)
        await withThrowingTaskGroup(of: [HookOutcome].self) { group in
            group.addTask {
                try await runner.run([Hook(command: "sleep 1000 & echo $!; echo ready; wait")], context: HookContext())
            }
            await log.wait(for: "ready")
            group.cancelAll()
            await #expect(throws: CancellationError.self) { try await group.next() }
        }
        let process = try #require(log.lines.compactMap { pid_t($0) }.first)
        #expect(await goesAway(process))
    }
}
