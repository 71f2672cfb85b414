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
}
