import Concurrency
import Synchronization

/// Limits the requests in flight to one host, and holds them all back while the host is rate limiting.
///
/// After a pause one request of each lane goes first; the others follow once one has been answered. A long upload that goes
/// first may wait for bytes that come slowly, or from this very host: so it never holds back anything but others like it.
final class HostGate: Sendable {
    private struct State {
        var nextProbe: UInt64 = 0
        var resumesAt: Duration?
        /// When it first wanted no more requests, since it last answered one.
        var refusesSince: Duration?
        var fronts = (0...HostGate.longUploads).map { _ in Front() }
    }

    /// Where long uploads go on after a pause, behind the lanes.
    private static let longUploads = Lane.allCases.count

    /// After which time it is looked again whether the request that goes first has been answered.
    private static let glance = Duration.milliseconds(250)

    /// Where one lane goes on after a pause.
    private struct Front {
        /// The request that goes first, until it has been answered.
        var probe: UInt64?
        var held: [Signal<Void>] = []
    }

    private enum Step {
        case go(probe: UInt64?)
        case sleep(Duration)
        case hold(Signal<Void>)
    }

    /// The host is held back, and whoever asks does not wait for it.
    struct Paused: Error {
        let left: Duration
    }

    private let lanes: [LanePlaces]
    private let state = Mutex(State())
    private let timer: Timer

    /// So many places for each lane.
    init(_ budget: ConnectionBudget, timer: Timer) {
        self.timer = timer
        lanes = Lane.allCases.map { _ in LanePlaces(budget) }
    }

    convenience init(limit: Int, timer: Timer) {
        self.init(ConnectionBudget(fixed: limit), timer: timer)
    }

    /// Runs a request and whatever it streams once there is a place for it; content leaves one place to others.
    ///
    /// `isLongUpload` where the bytes are still being read while it is sent; `goesFirst` for what ends something, before
    /// others begin more.
    ///
    /// - Throws: ``Paused`` where the host is held back and nobody `waits` for that; what `body` throws.
    func pass<Result>(
        _ lane: Lane,
        isContent: Bool = false,
        isLongUpload: Bool = false,
        goesFirst: Bool = false,
        waits: Bool = true,
        _ body: () async throws -> Result
    ) async throws -> Result {
        if !waits, let left = pauseLeft { throw Paused(left: left) }
        return try await lanes[lane.rawValue].withPlace(isContent: isContent, goesFirst: goesFirst) {
            let front = isLongUpload ? Self.longUploads : lane.rawValue
            let probe = try await passPause(front, waits: waits)
            defer { if let probe { release { $0.fronts[front].probe == probe } } }
            return try await body()
        }
    }

    /// Runs a request where nothing is held back, or it is the one that goes first.
    ///
    /// - Throws: ``Paused``, with the time till it is worth asking again; what `body` throws.
    func passAtOnce<Result>(_ lane: Lane, _ body: () async throws -> Result) async throws -> Result {
        switch step(lane.rawValue, holds: false) {
        case .go(let probe):
            defer { if let probe { release { $0.fronts[lane.rawValue].probe == probe } } }
            return try await body()
        case .sleep(let time): throw Paused(left: time)
        case .hold: throw Paused(left: Self.glance)
        }
    }

    /// Takes a place that nobody waits for, while nothing is held back; ``leave(_:)`` gives it back.
    func enterIfFree(_ lane: Lane, isContent: Bool) -> Bool {
        guard state.withLock({ $0.resumesAt == nil }) else { return false }
        return lanes[lane.rawValue].enterIfFree(isContent: isContent)
    }

    func leave(_ lane: Lane, isContent: Bool) { lanes[lane.rawValue].leave(isContent: isContent) }

    /// A request that began then has ended well within its place.
    ///
    /// - Returns: how many places there are from now on, if that changes.
    func ended(_ lane: Lane, bytes: Int64, since start: Duration) -> Int? {
        lanes[lane.rawValue].ended(bytes: bytes, since: start, at: timer.now())
    }

    /// A request is about to enter, which may be enough to have more places at a far host.
    ///
    /// - Returns: how many there are from now on, if that changes.
    func makesRoom(_ lane: Lane) -> Int? { lanes[lane.rawValue].makesRoom(at: timer.now()) }

    /// How many requests a far host takes at a time; `nil` where none is far, or none has been answered yet.
    func room(_ lane: Lane) -> Int? { lanes[lane.rawValue].room(at: timer.now()) }

    /// On the gate's own clock.
    var now: Duration { timer.now() }

    /// The host wants fewer requests, or cannot keep up with those that it has.
    ///
    /// - Returns: the smallest number of places that there are from now on, if that changes.
    func wantsFewer(isOverload: Bool) -> Int? {
        let now = timer.now()
        return lanes.compactMap { $0.change { isOverload ? $0.overloaded(at: now) : $0.refused(at: now) } }.min()
    }

    /// Holds all further requests back for a time.
    ///
    /// - Returns: whether the host was not paused already.
    @discardableResult
    func pause(for delay: Duration) -> Bool {
        let now = timer.now()
        return state.withLock { state in
            let isPaused = state.resumesAt.map { $0 > now } ?? false
            state.resumesAt = max(state.resumesAt ?? .zero, now + delay)
            state.refusesSince = state.refusesSince ?? now
            return !isPaused
        }
    }

    /// How much longer nobody needs to ask a host that has answered nothing else for a time than that it wants no requests.
    ///
    /// - Returns: `nil` while waiting is worth it.
    func pauseLeft(refusingFor patience: Duration) -> Duration? {
        let now = timer.now()
        return state.withLock { state in
            guard let since = state.refusesSince, now - since >= patience, let end = state.resumesAt, end > now else {
                return nil
            }
            return end - now
        }
    }

    /// How much longer everything is held back.
    var pauseLeft: Duration? {
        let now = timer.now()
        return state.withLock { $0.resumesAt.flatMap { $0 > now ? $0 - now : nil } }
    }

    /// Ends a pause that is over: the host has answered.
    func answered() {
        state.withLock { $0.refusesSince = nil }
        release { $0.fronts.contains { $0.probe != nil } }
    }

    /// Lets go who was held back by the requests that went first; a pause that has begun since keeps them.
    private func release(if isDue: (State) -> Bool) {
        let now = timer.now()
        let held = state.withLock { state -> [Signal<Void>] in
            guard isDue(state) else { return [] }
            if let end = state.resumesAt, end <= now { state.resumesAt = nil }
            let held = state.fronts.flatMap(\.held)
            for index in state.fronts.indices { state.fronts[index] = Front() }
            return held
        }
        for signal in held { signal.send(()) }
    }

    /// - Returns: a number for the request that goes first after a pause, `nil` for all others.
    private func passPause(_ front: Int, waits: Bool) async throws -> UInt64? {
        while true {
            switch step(front) {
            case .go(let probe): return probe
            case .sleep(let time) where !waits: throw Paused(left: time)
            case .sleep(let time): try await timer.sleep(time)
            case .hold(let signal): try await signal.wait()
            }
        }
    }

    private func step(_ front: Int, holds: Bool = true) -> Step {
        let now = timer.now()
        return state.withLock { state in
            guard let end = state.resumesAt else { return .go(probe: nil) }
            if now < end { return .sleep(end - now) }
            guard state.fronts[front].probe == nil else {
                let signal = Signal<Void>()
                if holds { state.fronts[front].held.append(signal) }
                return .hold(signal)
            }
            state.nextProbe += 1
            state.fronts[front].probe = state.nextProbe
            return .go(probe: state.nextProbe)
        }
    }
}
