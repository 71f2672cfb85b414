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

    /// Runs the work and shows meanwhile how far it is.
    func showing<Result>(_ style: ProgressStyle, _ work: () async throws -> Result) async throws -> Result {
        let first = text
        let display = WorkProgress(style: style) { [self] _ in text == first ? nil : text }
        return try await display.showing(work)
    }
}
