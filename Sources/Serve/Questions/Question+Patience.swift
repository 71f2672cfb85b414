import Concurrency
import OCI

extension Question {
    /// How long a host that has failed is waited for by those who have an older answer.
    private static var shortPatience: Duration { .milliseconds(25) }

    /// An answer that has not come as a whole in time comes no more.
    func inFull(
        _ host: RegistryHost,
        _ question: @escaping @Sendable () async throws -> Answer?
    ) async throws -> Answer? {
        do {
            return try await time.limit(deadline, question)
        } catch is Timer.Expired {
            throw UpstreamError(.timeout, "\(host) has not answered in full in \(deadline.components.seconds) seconds")
        }
    }

    /// Where there is an older answer, a slow host is not waited for long; it is still listened to.
    func inTime(
        _ isUrgent: Bool,
        _ host: RegistryHost,
        _ question: @escaping @Sendable () async throws -> Answer?
    ) async throws -> Answer? {
        guard !isUrgent else { return try await question() }
        let patience = health.isDoubtful(host) ? Self.shortPatience : patience
        return try await withThrowingTaskGroup(of: Answer?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await question() }
            group.addTask { [time, health] in
                try await time.sleep(patience)
                let isOut = health.outage(of: host) != nil
                let error = UpstreamError(.timeout, "\(host) takes its time to answer", isOutOfReach: isOut)
                health.note(error, of: host, isMute: false)
                throw error
            }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }
}
