import Concurrency
import Logging

/// Makes room when the disk is full: one at a time, and rarely, as a server on a full disk must not do nothing else.
final class Reclaiming: Sendable {
    /// How room is made in one cache.
    private struct Way: Sendable {
        let makeRoom: @Sendable () async throws -> Bool
    }

    /// For the cache that the task works with; `nil` where none is to be made.
    @TaskLocal private static var current: Way?

    private static let interval = Duration.seconds(600)
    /// How often the lock of another process is looked at.
    private static let pollInterval = Duration.milliseconds(100)

    private struct Result: Sendable {
        let at: Duration
        let isFreed: Bool
    }

    private enum Only: Hashable, Sendable { case one }

    private let store: Store
    private let timer: Timer
    /// Everybody in this process who needs room waits for the one who makes it.
    private let flight = SingleFlight<Only, Result>(capacity: 1)

    init(store: Store) {
        self.store = store
        timer = Timer(store.configuration.clock)
    }

    /// Runs `body` so that whatever is written in it may have room made, which tells whether there is more then.
    static func allowing<R>(
        _ makeRoom: @escaping @Sendable () async throws -> Bool,
        _ body: () async -> R
    ) async -> R {
        await $current.withValue(Way(makeRoom: makeRoom)) { await body() }
    }

    /// Runs `body` so that nothing that is written in it has room made: it is a collection, or has what one waits for.
    static func forbidding<R>(_ body: () async throws -> R) async rethrows -> R {
        try await $current.withValue(nil) { try await body() }
    }

    /// Makes room now, where that is allowed.
    ///
    /// - Returns: whether there is more.
    static func makeRoom() async throws -> Bool { try await current?.makeRoom() ?? false }

    /// Runs `body`, and once more when the disk was full for it and room has been made.
    ///
    /// - Throws: what `body` throws; what a collection throws.
    static func retrying<R>(_ body: () async throws -> R) async throws -> R {
        guard let way = current else { return try await body() }
        return try await forbidding {
            do {
                return try await body()
            } catch let error as CacheError where error.kind == .diskFull {
                guard try await way.makeRoom() else { throw error }
                return try await body()
            }
        }
    }

    /// Collects garbage, and what the configured limit asks for, unless that was tried within the last ten minutes; tells
    /// whether that freed anything: not so either when another process is at it for longer than the lock timeout.
    func run(_ options: () async throws -> CollectionOptions) async throws -> Bool {
        let now = timer.now()
        let isRecent = { (result: Result) in now - result.at < Self.interval }
        return try await flight.value(for: .one, isGood: isRecent) {
            guard let lock = try await lock() else { return Result(at: now - Self.interval, isFreed: false) }
            defer { lock.unlock() }
            let freed = try await collect(options)
            if freed > 0 {
                store.configuration.logger.notice(
                    "the disk is full; what nothing needs has been removed",
                    metadata: ["bytes": "\(freed)"]
                )
            }
            return Result(at: now, isFreed: freed > 0)
        }.isFreed
    }

    /// - Returns: the bytes that it freed.
    private func collect(_ options: () async throws -> CollectionOptions) async throws -> Int64 {
        let evidence = try await blocking { [store] in try Evidence(store.directory, store.leftovers).remove().bytes }
        do {
            let report = try await Collector(store: store).collect(try await options())
            return evidence + report.bytes + report.partialBytes
        } catch let error as CacheError where error.kind == .lostNames || error.kind == .diskFull {
            store.configuration.logger.warning("the disk is full", metadata: ["error": "\(error)"])
            return evidence
        }
    }

    /// - Returns: `nil` when another process has it for too long: what is full is the disk then, not the cache in use.
    private func lock() async throws -> OpenFile? {
        var waited = Duration.zero
        while true {
            if let lock = try store.locks.tryAcquire("room", .exclusive) { return lock }
            guard waited < store.configuration.lockTimeout else { return nil }
            try await store.configuration.clock.sleep(for: Self.pollInterval)
            waited += Self.pollInterval
        }
    }
}
