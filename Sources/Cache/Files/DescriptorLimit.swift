import Glibc
import Synchronization

/// How many downloads run at a time, so that files and connections don't run out.
final class DescriptorLimit: Sendable {
    /// What the process needs beside downloads: standard streams, the cache's directories, the index, event loops.
    private static let base = 48
    /// A download's file, its connection, and those of what reads along.
    private static let perDownload = 4

    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(files: Int = DescriptorLimit.systemLimit) {
        state = Mutex(State(free: max(1, (files - Self.base) / Self.perDownload)))
    }

    /// Runs a download when it is its turn.
    func withTurn<R>(_ body: () async throws -> R) async rethrows -> R {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free > 0 else {
                    state.waiting.append(continuation)
                    return false
                }
                state.free -= 1
                return true
            }
            if isFree { continuation.resume() }
        }
        defer { giveBack() }
        return try await body()
    }

    private func giveBack() {
        let next = state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() as CheckedContinuation<Void, Never>? }
            state.free += 1
            return nil
        }
        next?.resume()
    }

    private static var systemLimit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(7), &limit) == 0 else { return 1024 }
        return Int(min(limit.rlim_cur, 1 << 20))
    }
}

extension ContentCache {
    /// Tries again for half a minute while the process or the system has no file descriptor left.
    func withDescriptors<R>(_ body: () async throws -> R) async throws -> R {
        var attempts = 0
        while true {
            do {
                return try await body()
            } catch let error as CacheError where attempts < 30 && (error.code == EMFILE || error.code == ENFILE) {
                attempts += 1
                try await configuration.clock.sleep(for: .seconds(1))
            }
        }
    }
}
