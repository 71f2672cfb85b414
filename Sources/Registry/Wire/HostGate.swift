import Synchronization

/// Limits the requests in flight to one host, and holds them all back while the host is rate limiting.
///
/// After a pause one request goes first; the others follow once it has been answered.
final class HostGate: Sendable {
    /// Requests in flight, for each lane, where the settings say nothing.
    static let defaultLimit = 8

    private struct LaneState {
        var free: Int
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var order: [UInt64] = []
        /// Where the order's next waiter stands; entries before it are done.
        var head = 0

        /// The one that has waited longest.
        mutating func popWaiter() -> CheckedContinuation<Void, Never>? {
            while head < order.count {
                let id = order[head]
                head += 1
                if head > 64, head * 2 > order.count {
                    order.removeFirst(head)
                    head = 0
                }
                if let waiter = waiters.removeValue(forKey: id) { return waiter }
            }
            order.removeAll(keepingCapacity: true)
            head = 0
            return nil
        }
    }

    private struct State {
        var lanes: [LaneState]
        var nextWaiter: UInt64 = 0
        var resumesAt: Duration?
        /// The request that goes first after a pause, until it has been answered.
        var probe: UInt64?
        var held: [UInt64: CheckedContinuation<Void, Never>] = [:]
    }

    private enum Step {
        case go(probe: UInt64?)
        case sleep(Duration)
        case hold
    }

    private let state: Mutex<State>
    private let timer: Timer

    init(limit: Int, timer: Timer) {
        self.timer = timer
        state = Mutex(State(lanes: Lane.allCases.map { _ in LaneState(free: max(1, limit)) }))
    }

    /// Runs a request and whatever it streams once there is a place for it.
    func pass<Result>(_ lane: Lane, _ body: () async throws -> Result) async throws -> Result {
        try await enter(lane)
        defer { leave(lane) }
        let probe = try await passPause()
        defer { if let probe { release { $0.probe == probe } } }
        return try await body()
    }

    /// Holds all further requests back for a time.
    func pause(for delay: Duration) {
        let end = timer.now() + delay
        state.withLock { state in
            state.resumesAt = max(state.resumesAt ?? end, end)
        }
    }

    /// Ends a pause that is over: the host has answered.
    func answered() {
        release { $0.probe != nil }
    }

    /// Lets go who was held back by the request that went first; a pause that has begun since keeps them.
    private func release(if isDue: (State) -> Bool) {
        let now = timer.now()
        let held = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard isDue(state) else { return [] }
            if let end = state.resumesAt, end <= now { state.resumesAt = nil }
            state.probe = nil
            defer { state.held = [:] }
            return Array(state.held.values)
        }
        for continuation in held { continuation.resume() }
    }
}

extension HostGate {
    private func enter(_ lane: Lane) async throws {
        try Task.checkCancellation()
        let id: UInt64? = state.withLock { state in
            if state.lanes[lane.rawValue].free > 0 {
                state.lanes[lane.rawValue].free -= 1
                return nil
            }
            state.nextWaiter += 1
            return state.nextWaiter
        }
        guard let id else { return }
        await withTaskCancellationHandler {
            await withCheckedContinuation { queue($0, id: id, lane: lane) }
        } onCancel: {
            // Whoever is cancelled is let through at once and leaves again: the place it takes was never counted.
            let waiter = state.withLock { state in
                let waiter = state.lanes[lane.rawValue].waiters.removeValue(forKey: id)
                if waiter != nil { state.lanes[lane.rawValue].free -= 1 }
                return waiter
            }
            waiter?.resume()
        }
        if Task.isCancelled {
            leave(lane)
            throw CancellationError()
        }
    }

    private func queue(_ continuation: CheckedContinuation<Void, Never>, id: UInt64, lane: Lane) {
        let goesOn = state.withLock { state in
            if state.lanes[lane.rawValue].free > 0 || Task.isCancelled {
                state.lanes[lane.rawValue].free -= 1
                return true
            }
            state.lanes[lane.rawValue].waiters[id] = continuation
            state.lanes[lane.rawValue].order.append(id)
            return false
        }
        if goesOn { continuation.resume() }
    }

    private func leave(_ lane: Lane) {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.lanes[lane.rawValue].free += 1
            guard state.lanes[lane.rawValue].free > 0, let next = state.lanes[lane.rawValue].popWaiter() else {
                return nil
            }
            state.lanes[lane.rawValue].free -= 1
            return next
        }
        next?.resume()
    }

    /// - Returns: a number for the request that goes first after a pause, `nil` for all others.
    private func passPause() async throws -> UInt64? {
        while true {
            switch step() {
            case .go(let probe): return probe
            case .sleep(let time): try await timer.sleep(time)
            case .hold: try await hold()
            }
        }
    }

    private func step() -> Step {
        let now = timer.now()
        return state.withLock { state in
            guard let end = state.resumesAt else { return .go(probe: nil) }
            if now < end { return .sleep(end - now) }
            if state.probe != nil { return .hold }
            state.nextWaiter += 1
            state.probe = state.nextWaiter
            return .go(probe: state.probe)
        }
    }

    private func hold() async throws {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    guard state.probe != nil, !Task.isCancelled else { return true }
                    state.held[id] = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.held.removeValue(forKey: id) }?.resume()
        }
        try Task.checkCancellation()
    }
}
