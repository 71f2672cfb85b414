import Glibc
import TestSupport

/// The program `CacheProbe`, which is built beside the tests.
enum Probe {
    static let path: String = {
        let bundle = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
        let marker = bundle.firstRange(of: "imglifePackageTests.xctest")?.lowerBound ?? bundle.endIndex
        return bundle[..<marker] + "CacheProbe"
    }()

    static func run(
        _ directory: String,
        count: Int,
        size: Int,
        wrappedIn wrapper: [String] = []
    ) async throws -> ToolResult {
        let command = wrapper + [path, directory, "\(count)", "\(size)"]
        return try await Tool.run(command[0], Array(command.dropFirst()))
    }

    /// Opens a cache in a process that is killed at its n-th system call of a kind.
    ///
    /// - Returns: whether it was; not where it was over before.
    static func isKilled(at call: String, _ position: Int, opening directory: String) async throws -> Bool {
        let injection = "inject=\(call):signal=KILL:when=\(position)"
        let tracer = ["strace", "-f", "-qq", "-e", "trace=\(call)", "-e", injection, "-o", "/dev/null"]
        return try await run(directory, count: 0, size: 0, wrappedIn: tracer).status != 0
    }
}
