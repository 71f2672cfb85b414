import Subprocess

/// The `docker-registry` process: started and killed as it is told, never left behind.
final class RegistryProcess: Sendable {
    private enum Wanted: Sendable {
        case stopped
        case running
        case ended
    }

    private struct State: Sendable {
        var wanted = Wanted.stopped
        var isAlive = false
        var hasFailed = false
        var lines: [String] = []
    }

    private let configurationFile: String
    private let state = Watched(State())

    init(configurationFile: String) { self.configurationFile = configurationFile }

    func start() {
        state.update { state in
            state.wanted = .running
            state.hasFailed = false
        }
    }

    func stop() async throws {
        state.update { $0.wanted = .stopped }
        try await state.wait { !$0.isAlive }
    }

    func end() { state.update { $0.wanted = .ended } }

    /// Whether it ended by itself.
    var hasFailed: Bool { state.value.hasFailed }
    var lines: [String] { state.value.lines }

    func waitUntilAlive() async throws {
        try await state.wait { $0.isAlive || $0.hasFailed }
        if hasFailed { throw ToolError(description: "docker-registry ended: \(lines.suffix(5))") }
    }

    func waitForLines(_ isSatisfied: @escaping @Sendable ([String]) -> Bool) async throws -> [String] {
        try await state.wait { isSatisfied($0.lines) || !$0.isAlive }
        return lines
    }

    /// Runs the process whenever it is wanted, until ``end()``.
    func supervise() async throws {
        while true {
            try await state.wait { $0.wanted != .stopped }
            guard state.value.wanted == .running else { return }
            do { try await runOnce() } catch is CancellationError { throw CancellationError() } catch {
                state.update { $0.lines.append("\(error)") }
            }
            state.update { state in
                state.isAlive = false
                guard state.wanted == .running else { return }
                state.wanted = .stopped
                state.hasFailed = true
            }
        }
    }

    private func runOnce() async throws {
        let state = self.state
        state.update { $0.lines = [] }
        _ = try await Subprocess.run(
            .name("docker-registry"),
            arguments: ["serve", configurationFile],
            input: .none,
            output: .sequence,
            error: .combinedWithOutput
        ) { execution in
            state.update { $0.isAlive = true }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for try await line in execution.standardOutput.strings() {
                        state.update { $0.lines.append(line) }
                    }
                }
                group.addTask {
                    try await state.wait { $0.wanted != .running }
                    try execution.send(signal: .kill)
                    try await Task.sleep(for: .seconds(10))
                }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }
}
