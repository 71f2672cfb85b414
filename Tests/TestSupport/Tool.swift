import Glibc
import NIOCore
import Subprocess

/// The programs that some tests need.
package enum Tool {
    /// Whether a program is found in `PATH`; tests say ``Requirement/tool(_:)`` instead.
    package static func isInstalled(_ name: String) -> Bool {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return path.split(separator: ":").contains { access("\($0)/\(name)", X_OK) == 0 }
    }
}

extension Tool {
    /// The path of an executable of this package that was built together with the running tests.
    package static func builtProduct(_ name: String) -> String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        return own.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/\(name)"
    }
}

/// What a program came to.
package struct ToolResult: Sendable {
    /// The exit status, or 128 and the signal's number.
    package let status: Int
    package let stdout: [UInt8]
    package let stderr: [UInt8]

    package init(status: Int, stdout: [UInt8], stderr: [UInt8]) {
        self.status = status
        self.stdout = stdout
        self.stderr = stderr
    }

    package var output: String { String(decoding: stdout, as: UTF8.self) }
    package var errors: String { String(decoding: stderr, as: UTF8.self) }
}

/// A program that did not end well, or not in time.
package struct ToolError: Error, CustomStringConvertible {
    package let description: String
}

extension Tool {
    /// Runs a program to its end; any exit status is a result, not an error.
    ///
    /// - Parameters:
    ///   - executable: a path, or a name to be found in `PATH`.
    ///   - arguments: without the program's name.
    ///   - environment: changes to the inherited environment; `nil` removes a variable.
    ///   - inheritsEnvironment: whether the program gets this process's environment at all.
    ///   - stdin: what it reads.
    ///   - limit: after this time it is killed, which is an error.
    /// - Returns: its status and what it wrote.
    /// - Throws: ``ToolError`` after the time limit; what starting it threw.
    package static func run(
        _ executable: String,
        _ arguments: [String] = [],
        environment: [String: String?] = [:],
        inheritsEnvironment: Bool = true,
        stdin: [UInt8] = [],
        limit: Duration = .seconds(60)
    ) async throws -> ToolResult {
        // env(1) takes a path as well as a name, and replaces itself by the program.
        let configuration = Configuration(
            executable: .name("env"),
            arguments: Arguments(["--", executable] + arguments),
            environment: Self.environment(environment, inherits: inheritsEnvironment)
        )
        return try await withThrowingTaskGroup(of: ToolResult?.self) { group in
            group.addTask {
                let result = try await Subprocess.run(
                    configuration,
                    input: .array(stdin),
                    output: .bytes(limit: 64 << 20),
                    error: .bytes(limit: 16 << 20)
                )
                return ToolResult(
                    status: Self.number(result.terminationStatus),
                    stdout: result.standardOutput,
                    stderr: result.standardError
                )
            }
            group.addTask {
                // In steps: what a machine with too much to do keeps from running has not had that time either.
                for _ in 0..<100 { try await Task.sleep(for: limit / 100) }
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let result = first else {
                throw ToolError(description: "\(executable) \(arguments) did not end within \(limit)")
            }
            return result
        }
    }

    /// Runs a program that must end with status 0.
    @discardableResult
    package static func check(
        _ executable: String,
        _ arguments: [String],
        stdin: [UInt8] = []
    ) async throws -> ToolResult {
        let result = try await run(executable, arguments, stdin: stdin)
        guard result.status == 0 else {
            throw ToolError(description: "\(executable) \(arguments) ended with \(result.status): \(result.errors)")
        }
        return result
    }

    private static func environment(_ changes: [String: String?], inherits: Bool) -> Environment {
        var updates: [Environment.Key: String?] = [:]
        for (name, value) in changes {
            guard let key = Environment.Key(rawValue: name) else { continue }
            updates[key] = .some(value)
        }
        return inherits ? Environment.inherit.updating(updates) : .custom(updates.compactMapValues(\.self))
    }

    private static func number(_ status: TerminationStatus) -> Int {
        switch status {
        case .exited(let code): Int(code)
        case .signaled(let signal): 128 + Int(signal)
        }
    }
}
