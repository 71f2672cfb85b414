import OCI
import Subprocess
import TestSupport

extension FaultedProgram {
    /// A server under way.
    struct Serving: Sendable {
        fileprivate(set) var output = ""
        /// Whether it has ended.
        fileprivate(set) var isOver = false

        /// Where it listens, once it does.
        fileprivate var address: String? {
            output.split(separator: "\n").lazy.filter { $0.contains("listening") }.compactMap { line in
                line.split(separator: " ").first { $0.hasPrefix("address=") }.map { String($0.dropFirst(8)) }
            }.first
        }
    }

    /// Runs a server; as soon as it listens so does `body`, after which it is told to stop.
    ///
    /// A server that ends before it listens is no error.
    func serving(
        _ body: @escaping @Sendable (RegistryHost, Watched<Serving>) async throws -> Void
    ) async throws -> ToolResult {
        let state = Watched(Serving())
        let result = try await Subprocess.run(
            .name(command[0]),
            arguments: Arguments(Array(command.dropFirst())),
            environment: .custom(["PATH": "/usr/bin:/bin", "HOME": "\(directory)"]),
            input: .none,
            output: .sequence,
            error: .combinedWithOutput
        ) { execution in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    defer { state.update { $0.isOver = true } }
                    for try await line in execution.standardOutput.strings() { state.update { $0.output += line } }
                }
                try await state.wait { $0.isOver || $0.address != nil }
                if let address = state.value.address { try await body(try RegistryHost(address), state) }
                // It may have died meanwhile.
                try? execution.send(signal: .terminate)
                try await group.waitForAll()
            }
        }
        let status =
            switch result.terminationStatus {
            case .exited(let code): Int(code)
            case .signaled(let signal): 128 + Int(signal)
            }
        return ToolResult(status: status, stdout: Array(state.value.output.utf8), stderr: [])
    }
}
