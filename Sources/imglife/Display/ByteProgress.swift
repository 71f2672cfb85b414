import OCI
import Synchronization

/// How many bytes of a known or unknown whole have passed, shown on standard error meanwhile.
final class ByteProgress: Sendable {
    /// What is being done with the bytes, as in `imported`.
    let verb: String
    /// `nil` where it cannot be known.
    let total: Int64?
    private let passed = Atomic<Int64>(0)

    init(_ verb: String, total: Int64?) {
        self.verb = verb
        self.total = total
    }

    func add(_ count: Int) {
        passed.add(Int64(count), ordering: .relaxed)
    }

    /// A line without its end.
    var text: String {
        let bytes = passed.load(ordering: .relaxed)
        guard let total, total > 0 else { return "\(verb) \(ByteCount(bytes))" }
        // A compressed archive becomes longer than it is.
        return bytes <= total ? "\(verb) \(ByteCount(bytes, of: total))" : "\(verb) \(ByteCount(bytes))"
    }

    /// Runs the work and shows meanwhile how far it is, as `mode` says.
    func showing<Result>(
        _ mode: ProgressDisplay.Mode,
        environment: [String: String],
        terminal: Terminal = .standardError,
        _ work: () async throws -> Result
    ) async throws -> Result {
        switch ProgressDisplay.form(mode, environment: environment, terminal: terminal) {
        case .nothing: return try await work()
        case .plain:
            async let _ = tell(every: .seconds(10)) { terminal.write($0 + "\n") }
            return try await work()
        case .live:
            async let _ = draw(on: terminal)
            return try await work()
        }
    }

    private func draw(on terminal: Terminal) async {
        await tell(every: .milliseconds(200)) { line in terminal.draw { _ in [line] } }
        terminal.clear()
    }

    /// Silent as long as nothing changes, until the task is cancelled.
    private func tell(every interval: Duration, _ show: @Sendable (String) -> Void) async {
        var last = text
        while (try? await Task.sleep(for: interval)) != nil {
            let line = text
            if line != last { show(line) }
            last = line
        }
    }
}
