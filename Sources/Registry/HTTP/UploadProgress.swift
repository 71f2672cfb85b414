import Concurrency
import Synchronization

/// Tells a stalled upload from one that waits for its own source.
///
/// While the source is awaited there is no limit: who reads has limits of its own. While the registry takes the bytes,
/// the limit is the retry policy's; after the last byte it grows with the size, as registries hash before they answer.
final class UploadProgress: Sendable {
    private enum Phase {
        case awaitingSource
        case sending(since: Duration)
        case awaitingAnswer(since: Duration)
    }

    private let phase: Mutex<Phase>
    private let timer: Timer
    private let limit: Duration
    private let answerLimit: Duration

    /// Nothing has come from the source yet: an answer may be there before anybody has asked for it.
    init(timer: Timer, limit: Duration, size: Int64) {
        self.timer = timer
        self.limit = limit
        answerLimit = limit + .seconds(Double(size) / Double(50 << 20))
        phase = Mutex(.awaitingSource)
    }

    func awaitsSource() { phase.withLock { $0 = .awaitingSource } }

    func sends() {
        let now = timer.now()
        phase.withLock { $0 = .sending(since: now) }
    }

    func awaitsAnswer() {
        let now = timer.now()
        phase.withLock { $0 = .awaitingAnswer(since: now) }
    }

    /// Whether the next bytes have not come from the source yet: a break is then not the receiver's fault alone.
    var isAwaitingSource: Bool {
        phase.withLock { if case .awaitingSource = $0 { true } else { false } }
    }

    /// Whether the receiver is to take the next bytes.
    var isSending: Bool { phase.withLock { if case .sending = $0 { true } else { false } } }

    /// Refuses an answer that came because of what was waited for: that is the source's fault, and not the receiver's.
    func check(_ answer: HTTPResponse) throws(WireFailure) {
        guard answer.status == 408, isAwaitingSource else { return }
        throw WireFailure(kind: .connection(.reset), detail: "it did not wait for the source's bytes")
    }

    /// Runs an operation that ends when it stands still.
    ///
    /// - Throws: ``Timer/Expired``; otherwise what the operation throws.
    func watching<Result: Sendable>(_ operation: @escaping @Sendable () async throws -> Result) async throws -> Result {
        try await Timer.limit({ try await self.watch() }, operation)
    }

    /// Returns only by throwing: ``Timer/Expired`` when the upload stalls.
    func watch() async throws {
        while true {
            let remaining = remaining()
            guard remaining > .zero else { throw Timer.Expired() }
            try await timer.sleep(remaining)
        }
    }

    private func remaining() -> Duration {
        let now = timer.now()
        return phase.withLock { phase in
            switch phase {
            case .awaitingSource: limit
            case .sending(let since): since + limit - now
            case .awaitingAnswer(let since): since + answerLimit - now
            }
        }
    }
}
