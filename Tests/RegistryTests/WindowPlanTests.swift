import Concurrency
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import Registry

/// In the tables: MB and MB/s are millions of bytes.
@Suite(.timeLimit(.minutes(10)))
struct WindowPlanTests {
    /// One connection has brought `megabytes` in `seconds`, and kept waiting for so long of that.
    private func plan(
        _ size: Int64,
        _ megabytes: Int64,
        in seconds: Double = 1,
        held: Double = 0
    ) -> WindowPlan {
        var plan = WindowPlan(size: size * 1_000_000, at: .seconds(5))
        plan.note(received: megabytes * 1_000_000, held: .seconds(held), at: .seconds(5 + seconds))
        return plan
    }

    @Test(
        "That one connection is enough is forgotten after its time, or never",
        arguments: [.seconds(3600), nil] as [Duration?]
    )
    func oneConnection(lifetime: Duration?) {
        let clock = TestClock()
        let one = OneConnection(Timer(clock), lifetime: lifetime)
        #expect(!one.isEnough)
        one.remember()
        clock.advance(by: .seconds(3599))
        #expect(one.isEnough)
        clock.advance(by: .seconds(2))
        #expect(one.isEnough == (lifetime == nil))
    }

    @Test("Where the registry has led is believed for half a minute, and not once it has been refused")
    func addresses() throws {
        let clock = TestClock()
        let address = BlobAddress(Timer(clock))
        let home = try #require(HTTPURL("https://registry.example.com/v2/"))
        let store = try #require(HTTPURL("https://store.example.com/a"))
        let note = { (url: HTTPURL) in
            let body = HTTPResponse.Body.whole(ByteBuffer(), isCut: false)
            address.note(HTTPResponse(status: 206, headers: [:], body: body, url: url, home: home))
        }
        note(home)
        #expect(address.current == nil)
        note(store)
        clock.advance(by: .seconds(29))
        #expect(address.current == store)
        clock.advance(by: .seconds(2))
        #expect(address.current == nil)
        note(store)
        #expect(address.current == store)
        address.forget()
        #expect(address.current == nil)
    }

    @Test(
        "Windows begin where one connection is slow and much is left",
        arguments: [
            // Size, what came, in how long, how long the receiver took: whether there are windows.
            (200, 6, 1.0, 0.0, true),
            (200, 6, 0.99, 0.0, false),
            (200, 6, 1.0, 0.49, true),
            (200, 6, 1.0, 0.51, false),
            // Five seconds in all, four left; then three left.
            (31, 6, 1.0, 0.0, true),
            (29, 6, 1.0, 0.0, false),
            // Too small for a window beside what the first connection brings meanwhile.
            (8, 1, 1.0, 0.0, false),
            (10, 1, 1.0, 0.0, true),
            // As fast as bytes can be hashed.
            (9000, 280, 1.0, 0.0, false),
            (9000, 140, 1.0, 0.0, true),
            // An upstream that stands still is slow too.
            (200, 0, 30.0, 0.0, true),
        ] as [(Int64, Int64, Double, Double, Bool)]
    )
    func begins(size: Int64, came: Int64, seconds: Double, held: Double, begins: Bool) {
        let plan = plan(size, came, in: seconds, held: held)
        #expect((plan.next(front: came * 1_000_000, count: 0) != nil) == begins)
    }

    @Test("A rate that falls later is seen then")
    func later() {
        var plan = plan(1000, 300)
        #expect(plan.next(front: 300_000_000, count: 0) == nil)
        plan.note(received: 306_000_000, held: .zero, at: .seconds(6.5))
        #expect(plan.next(front: 306_000_000, count: 0) == nil)
        plan.note(received: 309_000_000, held: .zero, at: .seconds(7))
        #expect(plan.next(front: 309_000_000, count: 0) != nil)
    }

    @Test(
        "A window lasts two seconds at the rate of one connection, within bounds, and is shorter towards the end",
        arguments: [
            // Size, what came in a second, the first window's length.
            (1000, 6, 12_000_000),
            (1000, 1, WindowPlan.smallest),
            (9000, 100, WindowPlan.largest),
            // An eighth of what is left behind what the first connection brings.
            (75, 6, 7_546_875),
        ] as [(Int64, Int64, Int64)]
    )
    func length(size: Int64, rate: Int64, length: Int64) throws {
        let window = try #require(plan(size, rate).next(front: rate * 1_000_000, count: 0))
        #expect(Int64(window.count) == length)
    }

    @Test("Windows follow each other without a gap to the blob's end, eight at a time, none of them tiny")
    func slides() throws {
        for size in [40, 47, 64, 200, 1000] as [Int64] {
            for rate in [1, 3, 6, 7] as [Int64] {
                try slides(size, rate)
            }
        }
    }

    private func slides(_ size: Int64, _ rate: Int64) throws {
        var plan = plan(size, rate)
        var front = rate * 1_000_000
        var open: [Range<Int64>] = []
        var windows = 0
        while front < size * 1_000_000 {
            while let window = plan.next(front: front, count: open.count) {
                if let last = open.last { #expect(window.lowerBound == last.upperBound) }
                #expect(window.lowerBound >= front + (open.isEmpty ? WindowPlan.smallest : 0))
                #expect(window.count >= WindowPlan.smallest)
                plan.began(window, received: 0, at: .seconds(6))
                open.append(window)
                windows += 1
            }
            #expect(open.count <= WindowPlan.maximumCount)
            guard let first = open.first else { break }
            plan.ended(.whole, received: 100_000_000, at: .seconds(6.1))
            open.removeFirst()
            front = first.upperBound
        }
        // The rest, if any, is less than two windows: the front brings it itself.
        #expect(size * 1_000_000 - front < 2 * WindowPlan.smallest)
        #expect(1 + Int64(windows) <= 1 + size * 1_000_000 / WindowPlan.smallest)
        #expect(windows > 0)
    }

    @Test(
        "Three whole windows decide whether they stay",
        arguments: [
            // What all connections brought in two seconds, where one brings 6 MB/s.
            (12_000_000, WindowPlan.Ending.useless),
            (14_900_000, .useless),
            (15_100_000, nil),
            (90_000_000, nil),
        ] as [(Int64, WindowPlan.Ending?)]
    )
    func judges(received: Int64, ending: WindowPlan.Ending?) throws {
        var plan = plan(200, 6)
        let first = try #require(plan.next(front: 6_000_000, count: 0))
        plan.began(first, received: 6_000_000, at: .seconds(6))
        for _ in 1...2 {
            plan.ended(.whole, received: 6_000_000 + received, at: .seconds(8))
            #expect(plan.ending == nil)
        }
        plan.ended(.whole, received: 6_000_000 + received, at: .seconds(8))
        #expect(plan.ending == ending)
        #expect((plan.next(front: 18_000_000, count: 0) == nil) == (ending != nil))
        // Once they have helped it is not asked again.
        for _ in 1...6 { plan.ended(.whole, received: 6_000_000 + received, at: .seconds(100)) }
        #expect(plan.ending == ending)
    }

    @Test(
        "A window that has brought next to nothing is waited for as long as it would pay to open one, others longer",
        arguments: [(0, 4), (1_400_000, 4), (3_000_000, 8), (30_000_000, 80)] as [(Int64, Int)]
    )
    func crawls(count: Int64, seconds: Int) {
        #expect(plan(200, 6).patience(with: count) == .seconds(seconds))
    }

    @Test(
        "Windows take the front's place where one more of them would bring more than the front's own connection",
        arguments: [
            // How many windows have brought what in two seconds, where one brings 6 MB/s.
            (7, 12_000_000, false), (7, 14_000_000, true), (1, 7_000_000, false), (1, 8_000_000, true),
        ] as [(Int, Int64, Bool)]
    )
    func gains(count: Int, brought: Int64, isGain: Bool) throws {
        var plan = plan(200, 6)
        let first = try #require(plan.next(front: 6_000_000, count: 0))
        plan.began(first, received: 6_000_000, at: .seconds(6))
        #expect(plan.isGain(brought, by: count, at: .seconds(8)) == isGain)
    }

    @Test(
        "What ends the windows of a blob, and whether the host's other blobs are spared the trial",
        arguments: [
            ([.refused], .refused), ([.broken, .broken, .broken], .broken), ([.broken, .broken], nil),
            ([.broken, .broken, .whole, .broken, .broken], nil), ([.whole, .refused], .refused),
            ([.refused, .broken, .broken, .broken], .refused), ([.silent, .silent, .silent], .useless),
            ([.silent, .silent, .whole, .silent], nil),
        ] as [([BlobWindow.End], WindowPlan.Ending?)]
    )
    func ends(ends: [BlobWindow.End], ending: WindowPlan.Ending?) throws {
        var plan = plan(200, 6)
        let first = try #require(plan.next(front: 6_000_000, count: 0))
        plan.began(first, received: 6_000_000, at: .seconds(6))
        for end in ends { plan.ended(end, received: 60_000_000, at: .seconds(7)) }
        #expect(plan.ending == ending)
        #expect((plan.next(front: 6_000_000, count: 1) == nil) == (ending != nil))
        #expect(ending?.isOfHost ?? true == (ending != .broken))
    }
}
