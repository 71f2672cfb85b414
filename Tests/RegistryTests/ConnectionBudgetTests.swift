import Testing

@testable import Registry

/// A host that answers in waves: everything in flight is answered at the same moment.
@Suite(.timeLimit(.minutes(10)))
struct ConnectionBudgetTests {
    private static let wave = Duration.milliseconds(100)

    /// How many are in flight in each wave while others wait all the time.
    ///
    /// A wave takes as long as `time` says of what is in flight.
    private func waves(
        _ count: Int,
        of budget: inout ConnectionBudget,
        from start: Duration = .zero,
        bytes: Int64 = 0,
        othersWait: Bool = true,
        time: (Int) -> Duration = { _ in Self.wave }
    ) -> [Int] {
        var now = start
        return (0..<count).map { _ in
            let inFlight = budget.limit
            let start = now
            now += time(inFlight)
            for _ in 0..<inFlight { budget.ended(bytes: bytes, since: start, othersWait: othersWait, at: now) }
            return inFlight
        }
    }

    @Test(
        "There are more while others wait, up to the most that there may be",
        arguments: [
            (24, [8, 24, 24, 24, 24, 24]),
            (12, [8, 12, 12, 12]),
            (8, [8, 8, 8, 8]),
            (4, [4, 4, 4]),
            (1, [1, 1, 1]),
            (100, [8, 24, 24, 72, 72, 100, 100]),
        ]
    )
    func grows(maximum: Int, expected: [Int]) {
        var budget = ConnectionBudget(maximum: maximum)
        #expect(waves(expected.count, of: &budget) == expected)
    }

    @Test("The first far answer is enough to try more")
    func growsSoon() {
        var budget = ConnectionBudget(maximum: 24)
        budget.ended(bytes: 2000, since: .zero, othersWait: true, at: .milliseconds(80))
        #expect(budget.limit == 24)
    }

    @Test(
        "An answer tells nothing alone where it came soon, carried a lot, or nobody waits",
        arguments: [(5, 2000, true), (80, 1 << 20, true), (80, 2000, false)] as [(Int, Int64, Bool)]
    )
    func growsLate(milliseconds: Int, bytes: Int64, othersWait: Bool) {
        var budget = ConnectionBudget(maximum: 24)
        budget.ended(bytes: bytes, since: .zero, othersWait: othersWait, at: .milliseconds(milliseconds))
        #expect(budget.limit == 8)
    }

    @Test("A late answer that nobody waited for is enough to try more as soon as one has to wait")
    func growsForWaiters() {
        var budget = ConnectionBudget(maximum: 24)
        #expect(budget.room(at: .zero) == nil)
        budget.waits(at: .zero)
        #expect(budget.limit == 8)
        budget.ended(bytes: 2000, since: .zero, othersWait: false, at: .milliseconds(240))
        #expect(budget.limit == 8)
        #expect(budget.room(at: .milliseconds(240)) == 24)
        budget.waits(at: .milliseconds(250))
        #expect(budget.limit == 24)
        #expect(waves(8, of: &budget, from: .milliseconds(250)).allSatisfy { $0 == 24 })
    }

    @Test(
        "What answered soon, or carried a lot, tells nobody that the host is far",
        arguments: [(5, 2000), (240, 1 << 20)] as [(Int, Int64)]
    )
    func isNotFar(milliseconds: Int, bytes: Int64) {
        var budget = ConnectionBudget(maximum: 24)
        budget.ended(bytes: bytes, since: .zero, othersWait: false, at: .milliseconds(milliseconds))
        budget.waits(at: .seconds(1))
        #expect(budget.limit == 8)
        #expect(budget.room(at: .seconds(1)) == nil)
    }

    @Test("A host that only was slow once is no far one: its next answer takes back what was tried")
    func wasOnlySlow() {
        var budget = ConnectionBudget(maximum: 24)
        budget.ended(bytes: 9000, since: .zero, othersWait: false, at: .seconds(1))
        budget.waits(at: .seconds(1))
        #expect(budget.limit == 24)
        budget.ended(bytes: 2000, since: .seconds(1), othersWait: true, at: .seconds(1) + .milliseconds(4))
        #expect(budget.limit == 8)
        budget.waits(at: .seconds(2))
        #expect(budget.limit == 8)
        #expect(budget.room(at: .seconds(2)) == nil)
    }

    @Test("A far host gets no more than the settings say, and no more than it wants")
    func boundsWaiters() {
        for (maximum, expected) in [(12, 12), (8, 8), (3, 3), (100, 24)] {
            var budget = ConnectionBudget(maximum: maximum)
            budget.ended(bytes: 0, since: .zero, othersWait: false, at: .milliseconds(240))
            #expect(budget.room(at: .seconds(1)) == expected)
            budget.waits(at: .seconds(1))
            #expect(budget.limit == expected)
            budget.refused(at: .seconds(2))
            #expect(budget.limit == min(4, max(1, expected / 2)))
            budget.waits(at: .seconds(3))
            #expect(budget.limit == min(4, max(1, expected / 2)))
            #expect(budget.room(at: .seconds(3)) == budget.limit)
        }
    }

    @Test("Where nobody waits there are no more")
    func stays() {
        var budget = ConnectionBudget(maximum: 24)
        #expect(waves(20, of: &budget, othersWait: false).allSatisfy { $0 == 8 })
    }

    @Test("What answers sooner than a round can be measured gets no more")
    func ignoresMoments() {
        var budget = ConnectionBudget(maximum: 24)
        #expect(waves(4, of: &budget, time: { _ in .milliseconds(5) }).allSatisfy { $0 == 8 })
    }

    @Test(
        "Where more at a time bring no more, there are as many as before, for a time",
        arguments: [Int64(0), 50 << 20]
    )
    func goesBack(bytes: Int64) {
        var budget = ConnectionBudget(maximum: 24)
        // A host that does its work one by one.
        let time = { (inFlight: Int) in Duration.milliseconds(10 * inFlight) }
        let seen = waves(40, of: &budget, bytes: bytes, time: time)
        #expect(seen.max() == 24)
        #expect(seen.count { $0 == 24 } == 3)
        #expect(budget.limit == 8)
        #expect(waves(4, of: &budget, from: .seconds(60), bytes: bytes, time: time).contains(24))
    }

    @Test("New connections bring nothing at first, which is not held against them")
    func waitsForConnections() {
        var budget = ConnectionBudget(maximum: 24)
        var now = Duration.zero
        var seen: [Int] = []
        // Those that were let in last are answered only in the second wave after.
        var ready = 8
        var opening: [Int] = []
        for _ in 0..<14 {
            now += Self.wave
            for _ in 0..<ready { budget.ended(bytes: 0, since: now - Self.wave, othersWait: true, at: now) }
            seen.append(ready)
            if opening.count > 1 { ready += opening.removeFirst() }
            opening.append(budget.limit - ready - opening.reduce(0, +))
        }
        #expect(seen.last == 24, "\(seen)")
    }

    @Test("A refusal halves them for good, once for all that come together")
    func halves() {
        var budget = ConnectionBudget(maximum: 24)
        _ = waves(8, of: &budget)
        #expect(budget.limit == 24)
        budget.refused(at: .seconds(1))
        budget.refused(at: .seconds(1.5))
        #expect(budget.limit == 12)
        #expect(waves(20, of: &budget, from: .seconds(2)).allSatisfy { $0 == 12 })
        budget.refused(at: .seconds(9))
        #expect(budget.limit == 6)
        for second in 10..<20 { budget.refused(at: .seconds(second)) }
        #expect(budget.limit == 1)
        #expect(waves(20, of: &budget, from: .seconds(5000)).allSatisfy { $0 == 1 })
    }

    @Test("A refusal of more than have proved good halves what has")
    func halvesWhatIsProven() {
        var budget = ConnectionBudget(maximum: 24)
        _ = waves(2, of: &budget)
        #expect(budget.limit == 24)
        budget.refused(at: .seconds(1))
        #expect(budget.limit == 4)
    }

    @Test("Who cannot keep up gets no more than has proved good, for longer each time")
    func stopsGrowing() {
        var budget = ConnectionBudget(maximum: 24)
        var now = Duration.zero
        for rest in [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600] {
            // Those that come together are one.
            for _ in 1...5 { budget.overloaded(at: now) }
            let end = now + .seconds(rest)
            #expect(waves(5, of: &budget, from: now).allSatisfy { $0 == 8 })
            #expect(waves(5, of: &budget, from: end - .seconds(1)).allSatisfy { $0 == 8 })
            #expect(waves(2, of: &budget, from: end).last == 24)
            now = end + .seconds(1)
        }
    }

    @Test("Who lives long forgets a refusal")
    func forgets() {
        var budget = ConnectionBudget(maximum: 24, memory: .seconds(3600))
        budget.refused(at: .zero)
        #expect(waves(4, of: &budget).allSatisfy { $0 == 4 })
        #expect(waves(8, of: &budget, from: .seconds(3601)).last == 24)
    }

    @Test("A number that is fixed changes by refusals alone")
    func isFixed() {
        var budget = ConnectionBudget(fixed: 30)
        #expect(waves(8, of: &budget).allSatisfy { $0 == 30 })
        budget.refused(at: .seconds(1))
        #expect(budget.limit == 15)
    }
}
