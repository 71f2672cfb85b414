import NIOCore
import OCI
import Subprocess
import TestSupport

/// `imglife serve` under way in a workspace.
final class ServingProgram: Sendable {
    private enum Wish: Sendable {
        case run
        case end(Signal)
    }

    private struct State: Sendable {
        var lines: [String] = []
        var wish = Wish.run
        var isOver = false

        /// Where it listens, once it does.
        var address: String? {
            lines.lazy.filter { $0.contains("listening") }.compactMap { line in
                line.firstMatch(of: /address(?:=|":")([0-9.:]+)/).map { String($0.output.1) }
            }.first
        }
    }

    /// Where it listens.
    let host: RegistryHost
    private let state: Watched<State>

    private init(host: RegistryHost, state: Watched<State>) {
        self.host = host
        self.state = state
    }

    /// What it has logged.
    var log: [String] { state.value.lines }

    var client: RawClient { RawClient(host) }

    /// Waits until it has ended by itself.
    func end() async throws { try await state.wait { $0.isOver } }

    /// Kills it and waits until it is gone.
    func kill() async throws {
        state.update { $0.wish = .end(.kill) }
        try await state.wait { $0.isOver }
    }

    /// Serves at a free port while a closure runs, then stops in order.
    ///
    /// `launcher` is what runs the program, with the program's own command line after it.
    static func with<R>(
        _ workspace: Workspace,
        _ arguments: [String] = [],
        environment: [String: String] = [:],
        launcher: [String] = [],
        _ body: (ServingProgram) async throws -> R
    ) async throws -> R {
        let state = Watched(State())
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { state.update { $0.isOver = true } }
                try await run(workspace, launcher, arguments, environment, state)
            }
            defer { state.update { if case .run = $0.wish { $0.wish = .end(.terminate) } } }
            try await state.wait { $0.isOver || $0.address != nil }
            guard let address = state.value.address else {
                throw NotServing(lines: state.value.lines)
            }
            return try await body(ServingProgram(host: try RegistryHost(address), state: state))
        }
    }

    private static func run(
        _ workspace: Workspace,
        _ launcher: [String],
        _ arguments: [String],
        _ environment: [String: String],
        _ state: Watched<State>
    ) async throws {
        let variables = workspace.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        let command = launcher + [Workspace.program, "serve", "--listen", "127.0.0.1:0"] + arguments
        _ = try await Subprocess.run(
            .name("env"),
            arguments: Arguments(["--ignore-environment", "--chdir=\(workspace.path)"] + variables + command),
            input: .none,
            output: .sequence,
            error: .combinedWithOutput
        ) { execution in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for try await line in execution.standardOutput.strings() { state.update { $0.lines.append(line) } }
                }
                group.addTask {
                    try await state.wait { if case .end = $0.wish { true } else { false } }
                    if case .end(let signal) = state.value.wish { try execution.send(signal: signal) }
                    try await Task.sleep(for: .seconds(60))
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }
}

private struct NotServing: Error {
    let lines: [String]
}
