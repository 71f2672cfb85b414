import TestSupport

/// A built program that runs with the shim, whose faults are those of one cache's directory.
struct FaultedProgram: Sendable {
    /// `imglife`, or `CacheProbe`, which does to a cache what it is told and says what has been acknowledged.
    enum Name: String, Sendable {
        case imglife
        case probe = "CacheProbe"
    }

    var name: Name
    var arguments: [String]
    /// The cache's directory, absolute and without links; it need not be there yet.
    var cache: String
    /// Where it runs.
    var directory = "/"
    var faults: [Fault] = []
    /// What else it finds in its environment.
    var environment: [String: String] = [:]
    /// A file that gets every change, in order.
    var trace: String?
    /// A file that gets the number of changes.
    var count: String?

    init(_ name: Name, _ arguments: [String], cache: String) {
        self.name = name
        self.arguments = arguments
        self.cache = cache
    }

    /// The whole command, for a shell that makes a place for it first.
    var command: [String] {
        var variables = ["LD_PRELOAD=\(Tool.builtProduct("libFaultShim.so"))", "FI_DIR=\(cache)"]
        if !faults.isEmpty { variables.append("FI=\(faults.map(\.description).joined(separator: ","))") }
        if let trace { variables.append("FI_TRACE=\(trace)") }
        if let count { variables.append("FI_COUNT=\(count)") }
        return ["env", "--chdir=\(directory)"] + variables + [Tool.builtProduct(name.rawValue)] + arguments
    }

    /// Runs it to its end, which may be a signal.
    func run() async throws -> ToolResult {
        let environment = ["PATH": "/usr/bin:/bin", "HOME": directory, "IMGLIFE_RETRY_INITIAL_DELAY": "1ms"]
        return try await Tool.run(
            command[0],
            Array(command.dropFirst()),
            environment: environment.merging(self.environment) { $1 },
            inheritsEnvironment: false,
            limit: .seconds(120)
        )
    }

    func with(_ faults: Fault...) -> FaultedProgram {
        var copy = self
        copy.faults = faults
        return copy
    }
}

extension ToolResult {
    /// Whether it died of SIGKILL.
    var wasKilled: Bool { status == 137 }

    /// What is odd about the end of a program that was given an error: anything but success, or one with a message.
    var oddity: String? {
        guard status == 0 || status == 1 else { return "status \(status): \(errors.suffix(300))" }
        guard !errors.contains("Fatal error") else { return "crash: \(errors.suffix(300))" }
        let hasMessage = (output + errors).split(separator: "\n").contains {
            $0.hasPrefix("✗ ") || $0.contains("error: ")
        }
        return status == 0 || hasMessage ? nil : "no message: \(output.suffix(200))\(errors.suffix(200))"
    }
}
