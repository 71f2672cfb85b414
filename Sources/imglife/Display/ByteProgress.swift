import OCI
import Synchronization

/// How many bytes of a known or unknown whole have passed, shown on standard error meanwhile.
final class ByteProgress: Sendable {
    /// What is being done with the bytes, as in `imported`.
    let verb: String
    /// Whose they are.
    let name: String
    /// `nil` where it cannot be known.
    let total: Int64?
    private let passed = Atomic<Int64>(0)

    init(_ verb: String, _ name: String, total: Int64?) {
        self.verb = verb
        self.name = name
        self.total = total
    }

    func add(_ count: Int) {
        passed.add(Int64(count), ordering: .relaxed)
    }

    /// A line without its end; where columns are few the name is cut, and the figures stay.
    func text(columns: Int?) -> String {
        let head = "\(verb) \(name.displaySafe):"
        let amount = amount
        guard let columns else { return "\(head) \(amount)" }
        return "\(ColumnText.cut(head, max(0, columns - amount.count - 1))) \(amount)"
    }

    private var amount: String {
        let bytes = passed.load(ordering: .relaxed)
        // A compressed archive becomes longer than it is.
        guard let total, total > 0, bytes <= total else { return "\(ByteCount(bytes))" }
        return "\(ByteCount(bytes, of: total))"
    }

    /// Runs the work and shows meanwhile how far it is.
    func showing<Result>(_ style: ProgressStyle, _ work: () async throws -> Result) async throws -> Result {
        let display = WorkProgress(style: style) { [self] _, columns in
            passed.load(ordering: .relaxed) > 0 ? text(columns: columns) : nil
        }
        return try await display.showing(work)
    }
}
