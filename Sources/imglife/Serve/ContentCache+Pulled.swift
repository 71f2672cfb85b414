import Cache
import Concurrency
import Logging

extension ContentCache {
    /// How long a server waits for it before it begins.
    private static let patience = Duration.seconds(5)

    /// Runs a server while what came whole before an earlier one was killed becomes tags.
    func settlingPulled(_ logger: Logger, _ body: () async throws -> Void) async throws {
        guard !isReadOnly else { return try await body() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            let settled = Signal<Void>()
            group.addTask { [names] in
                do {
                    try await names.settlePulled()
                } catch is CancellationError {
                } catch {
                    logger.warning("what was pulled is not looked through", metadata: ["error": "\(error)"])
                }
                settled.send(())
            }
            group.addTask {
                try? await Task.sleep(for: Self.patience)
                settled.send(())
            }
            _ = await settled.value()
            try await body()
        }
    }
}
