import Concurrency
import OCI
import Synchronization

/// Which registries want no requests for a time, so that what does not need them can go on.
final class HostPauses: Sendable {
    private struct State {
        var ends: [RegistryHost: Duration] = [:]
        var watchers: [Int: AsyncStream<Void>.Continuation] = [:]
        var count = 0
    }

    private let isAny = Atomic(false)
    private let state = Mutex(State())
    /// Those to whom registries lead, and who have wanted no requests for a time.
    private let strangers = Mutex<[Origin: HostPatience]>([:])
    private let timer: Timer

    init(_ timer: Timer) {
        self.timer = timer
    }

    /// Whether any has ever begun: nearly always none has, which is quickly told.
    var haveBegun: Bool { isAny.load(ordering: .acquiring) }

    /// A registry, or who gives tokens for it, wants nothing for so long from now on.
    func begins(at host: RegistryHost, for delay: Duration) {
        let end = timer.now() + delay
        isAny.store(true, ordering: .releasing)
        let watchers = state.withLock { state in
            state.ends[host] = max(state.ends[host] ?? .zero, end)
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.yield() }
    }

    /// How somebody is left alone to whom registries lead, once that was wanted.
    func stranger(at origin: Origin) -> HostPatience? { strangers.withLock { $0[origin] } }

    /// The same, from now on.
    func stranger(at origin: Origin, _ retry: Retry) -> HostPatience {
        strangers.withLock {
            $0.remembered(origin) { HostPatience(HostGate(limit: 1, timer: retry.timer), retry) }
        }
    }

    /// Sends somebody a request where the time is over that was wanted, one alone at first; who leads there has places for
    /// others meanwhile.
    ///
    /// - Throws: an error that has that time, or says that nobody waits for so long; what `send` throws.
    func passing(
        _ request: HTTPRequest,
        at origin: Origin,
        _ send: () async throws -> HTTPResponse
    ) async throws -> HTTPResponse {
        guard let stranger = stranger(at: origin) else { return try await send() }
        do throws(RegistryError) {
            try stranger.check(request)
        } catch {
            var error = error
            error.blames(origin)
            throw error
        }
        do {
            return try await stranger.gate.passAtOnce(request.lane) {
                let response = try await send()
                if ![429, 503].contains(response.status) { stranger.gate.answered() }
                return response
            }
        } catch let paused as HostGate.Paused {
            var error = request.context.error(.unavailable, "it wants no requests for a time", status: 429)
            (error.pause, error.isUnsent) = (paused.left, true)
            error.blames(origin)
            throw error
        }
    }

    /// Whether a registry wants nothing now.
    func lasts(at host: RegistryHost) -> Bool { left(at: host) != nil }

    /// For how long from now on a registry wants nothing.
    func left(at host: RegistryHost) -> Duration? {
        state.withLock { state in
            guard let end = state.ends[host] else { return nil }
            let left = end - timer.now()
            guard left <= .zero else { return left }
            state.ends[host] = nil
            return nil
        }
    }

    /// Comes with each pause from now on, several at once being one; ends with the task that waits for it.
    var news: AsyncStream<Void> {
        let (stream, watcher) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.count += 1
            state.watchers[state.count] = watcher
            return state.count
        }
        watcher.onTermination = { [weak self] _ in self?.state.withLock { $0.watchers[number] = nil } }
        return stream
    }
}
