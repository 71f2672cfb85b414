/// How many requests may be in flight to a host at a time (PROTOCOL.md, D.3a).
///
/// 8 at first, until one of them has been answered. While others wait, three times as many are tried, and then three
/// times as many again, as long as that brings more in the same time; otherwise it stays at what did, for a time. Of a
/// host that has answered late, and so is presumed to be far, three times as many are tried as soon as one has to wait.
/// A host that wants fewer requests gets half.
///
/// Knows neither a clock nor a network: moments are arguments.
struct ConnectionBudget {
    static let first = 8
    /// The most, where the settings say nothing.
    static let standard = 24
    private static let factor = 3
    /// What more at a time have to bring of what fewer did.
    private static let gain = 1.1
    /// A round shows nothing sooner.
    private static let shortestRound = Duration.milliseconds(50)
    /// What answers that soon after all is not far.
    private static let near = Duration.milliseconds(10)
    /// New connections have to be opened before they bring anything, so the first round is not looked at.
    private static let trial = 3
    /// How long nothing is tried after more have brought nothing.
    private static let rest = Duration.seconds(10)
    /// And of a host that could not keep up, at most.
    private static let longestRest = Duration.seconds(600)
    /// Refusals that come together are one.
    private static let burst = Duration.seconds(1)
    /// What a request counts for beside its bytes: what a fast line carries in the time that it waits.
    private static let weight: Int64 = 256 << 10

    /// As many requests as there may be, all of which ended while others waited.
    private struct Round {
        let start: Duration
        var count = 0
        var work: Int64 = 0
    }

    private(set) var limit: Int
    private var maximum: Int
    private let configured: Int
    /// How long a refusal is remembered; `nil`: always.
    private let memory: Duration?
    private var refusedAt: Duration?
    private var boundAt: Duration?
    /// What fewer at a time have brought, until it is clear whether more bring more.
    private var before: (limit: Int, rate: Double)?
    private var round: Round?
    private var rounds = 0
    private var restsUntil = Duration.zero
    /// How often the host could not keep up.
    private var overloads = 0
    /// The soonest answer that has carried little so far: it came over a line, and perhaps after opening a connection.
    private var soonest: Duration?
    /// Whether more are tried because the host is presumed to be far.
    private var isPresumption = false

    /// At most so many; refusals count for that time, as who serves for months must forget.
    init(maximum: Int, memory: Duration? = nil) {
        configured = max(1, maximum)
        self.maximum = configured
        self.memory = memory
        limit = min(Self.first, configured)
    }

    /// A number that stays until the host wants fewer.
    init(fixed limit: Int) {
        self.init(maximum: limit)
        self.limit = configured
    }

    /// A request has ended well that began then, and so many bytes went with it.
    mutating func ended(bytes: Int64, since start: Duration, othersWait: Bool, at now: Duration) {
        if let boundAt, let memory, now - boundAt > memory {
            self.boundAt = nil
            maximum = configured
        }
        note(bytes, now - start)
        guard othersWait, now >= restsUntil, before != nil || limit < maximum else {
            round = nil
            return
        }
        guard !isTelling(bytes, now - start) else {
            // What all that are in flight bring if each takes as long.
            return grow(Double(limit) * Double(Self.weight + bytes) / ((now - start) / .seconds(1)))
        }
        // All that are in flight have begun about then.
        var current = round ?? Round(start: start)
        current.count += 1
        current.work += Self.weight + bytes
        round = current
        guard current.count >= limit, now - current.start >= Self.shortestRound else { return }
        round = Round(start: now)
        judge(Double(current.work) / ((now - current.start) / .seconds(1)), at: now)
    }

    /// Whether one answer is enough to try more: far hosts take longest to open connections, so that is not to begin late.
    private func isTelling(_ bytes: Int64, _ time: Duration) -> Bool {
        before == nil && limit == Self.first && bytes <= Self.weight && time >= Self.shortestRound
    }

    private mutating func note(_ bytes: Int64, _ time: Duration) {
        guard bytes <= Self.weight else { return }
        soonest = min(soonest ?? time, time)
        guard isPresumption, time < Self.near, let before else { return }
        shrink(to: before.limit)
    }

    /// Whether every answer so far came late.
    private var isFar: Bool { soonest.map { $0 >= Self.shortestRound } ?? false }

    /// How many requests a far host takes at a time, as far as that can be told before it is tried; `nil` where none is far.
    func room(at now: Duration) -> Int? {
        guard isFar else { return nil }
        return now < restsUntil ? limit : max(limit, min(Self.first * Self.factor, maximum))
    }

    /// A request finds that as many are in flight as there may be.
    mutating func waits(at now: Duration) {
        guard before == nil, limit == Self.first, limit < maximum, let room = room(at: now), room > limit,
            let soonest
        else { return }
        grow(Double(limit) * Double(Self.weight) / (soonest / .seconds(1)))
        isPresumption = true
    }

    private mutating func judge(_ rate: Double, at now: Duration) {
        rounds += 1
        guard let before else { return grow(rate) }
        guard rounds > 1 else { return }
        if rate >= before.rate * Self.gain {
            self.before = nil
            isPresumption = false
            if limit < maximum { grow(rate) }
        } else if rounds >= Self.trial {
            shrink(to: before.limit)
            restsUntil = now + Self.rest
        }
    }

    private mutating func grow(_ rate: Double) {
        before = (limit, rate)
        limit = min(limit * Self.factor, maximum)
        round = nil
        rounds = 0
    }

    private mutating func shrink(to limit: Int) {
        self.limit = limit
        before = nil
        round = nil
        rounds = 0
        isPresumption = false
    }

    /// The host has had too many requests: half of them, and no more in this run.
    mutating func refused(at now: Duration) {
        if let refusedAt, now - refusedAt < Self.burst { return }
        refusedAt = now
        boundAt = now
        shrink(to: max(1, (before?.limit ?? limit) / 2))
        maximum = limit
    }

    /// The host cannot keep up at the moment: no more than have proved good, for a time that grows with each time it says so.
    mutating func overloaded(at now: Duration) {
        if now >= restsUntil { overloads += 1 }
        restsUntil = max(restsUntil, now + min(.seconds(1 << min(overloads, 10)), Self.longestRest))
        shrink(to: before?.limit ?? limit)
    }
}
