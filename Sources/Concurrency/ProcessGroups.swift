import Glibc
import Synchronization

/// The process groups of the programs that this process has started, for whoever ends it without waiting for them.
///
/// A group is named by the process that leads it, and is known only for as long as nobody reaps that one: its number
/// cannot have come to mean other processes.
package final class ProcessGroups: Sendable {
    /// Those of this process.
    package static let started = ProcessGroups()

    private struct State {
        var leaders: Set<Int32> = []
        var isOver = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Knows a group while `body` runs, which must not return before its leader has ended.
    package func including<Result>(
        _ leader: Int32,
        _ body: () async throws -> Result
    ) async rethrows -> Result {
        state.withLock { state in
            state.leaders.insert(leader)
            if state.isOver { kill(-leader, SIGKILL) }
        }
        defer { _ = state.withLock { $0.leaders.remove(leader) } }
        return try await body()
    }

    /// Kills all that are known, and at once those that become known later.
    ///
    /// Safe to repeat.
    package func killAll() {
        state.withLock { state in
            state.isOver = true
            for leader in state.leaders { kill(-leader, SIGKILL) }
        }
    }
}
