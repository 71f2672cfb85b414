import Concurrency
import OCI
import Synchronization
import TestSupport
import Testing

@testable import Registry

/// Tasks that wait for others are cancelled at any moment; nobody else may notice.
@Suite(.timeLimit(.minutes(10)))
struct CancellationTests {
    /// A small generator, so that a failing run can be repeated.
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state ^ (state >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        }
    }

    private static func pause(_ steps: Int) async {
        for _ in 0..<steps { await Task.yield() }
    }

    /// How many passes of a lane are in use at the same time, at most.
    private final class Usage: Sendable {
        private let counts = Mutex((now: 0, most: 0))

        var most: Int { counts.withLock { $0.most } }

        func enter() {
            counts.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
            }
        }

        func leave() { counts.withLock { $0.now -= 1 } }
    }

    /// Passes a gate in a task that is cancelled after a random time, or not at all.
    private static func pass(_ gate: HostGate, _ usage: Usage, _ random: inout Random) -> @Sendable () async -> Void {
        let work = Int.random(in: 0...20, using: &random)
        let patience = Bool.random(using: &random) ? Int.random(in: 0...30, using: &random) : nil
        let pauses = Int.random(in: 0..<10, using: &random) == 0
        return {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    try? await gate.pass(.read) {
                        usage.enter()
                        defer { usage.leave() }
                        await pause(work)
                        if pauses { gate.pause(for: .seconds(1)) } else { gate.answered() }
                    }
                }
                guard let patience else { return }
                await pause(patience)
                group.cancelAll()
            }
        }
    }

    @Test("Whoever is cancelled at the gate takes no place with them and leaves nobody behind", arguments: 1...20)
    func keepsGate(seed: UInt64) async throws {
        var random = Random(state: seed)
        let gate = HostGate(limit: 3, timer: Timer(TestClock()))
        let usage = Usage()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<150 {
                let task = Self.pass(gate, usage, &random)
                group.addTask { await task() }
            }
        }
        #expect(usage.most <= 3)
        // Ends a pause that nobody has passed.
        try await gate.pass(.read) {}
        // All places are there again: three can be within at once, and a fourth must wait.
        let inside = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask { try await gate.pass(.read) { try await Self.hold(inside) } }
            }
            try await inside.waitForArrivals(3)
            inside.open()
            try await group.waitForAll()
        }
    }

    private static func hold(_ gate: Gate) async throws {
        await withCheckedContinuation { continuation in gate.pass { continuation.resume() } }
    }

    @Test(
        "A cancelled fetch is taken over by who waits for it, however its cancellation shows",
        arguments: [true, false]
    )
    func passesFlightsOn(isDisguised: Bool) async throws {
        struct Disguised: Error {}
        let flight = SingleFlight<Int, String>()
        let gate = Gate()
        let leader = Gate()
        try await withThrowingTaskGroup(of: String.self) { group in
            let cancelled = Watched(false)
            group.addTask {
                do {
                    return try await withThrowingTaskGroup(of: String.self) { inner in
                        inner.addTask {
                            try await flight.value(for: 1, isGood: { _ in true }) {
                                leader.pass {}
                                do { try await cancelled.wait { _ in false } } catch {
                                    if isDisguised { throw Disguised() }
                                    throw error
                                }
                                return "never"
                            }
                        }
                        try await gate.waitForArrivals()
                        inner.cancelAll()
                        return try await inner.next() ?? "none"
                    }
                } catch { return error is CancellationError ? "cancelled" : "\(error)" }
            }
            try await leader.waitForArrivals()
            group.addTask { try await flight.value(for: 1, isGood: { _ in true }) { "second" } }
            await Self.pause(20)
            gate.pass {}
            gate.open()
            var results: Set<String> = []
            for try await result in group { results.insert(result) }
            #expect(results == ["cancelled", "second"])
        }
    }

    @Test("Many share one fetch; cancellations among them fail nobody else", arguments: 1...20)
    func keepsFlights(seed: UInt64) async throws {
        var random = Random(state: seed)
        let flight = SingleFlight<Int, Int>()
        await withTaskGroup(of: (isPatient: Bool, value: Int?).self) { group in
            for _ in 0..<150 {
                let key = Int.random(in: 0..<3, using: &random)
                let work = Int.random(in: 0...20, using: &random)
                let patience = Bool.random(using: &random) ? Int.random(in: 0...20, using: &random) : nil
                group.addTask {
                    await withTaskGroup(of: Int?.self) { inner in
                        inner.addTask {
                            try? await flight.value(for: key, isGood: { _ in work % 2 == 0 }) {
                                await Self.pause(work)
                                try Task.checkCancellation()
                                return key
                            }
                        }
                        if let patience {
                            await Self.pause(patience)
                            inner.cancelAll()
                        }
                        return (patience == nil, await inner.next() ?? nil)
                    }
                }
            }
            for await (isPatient, value) in group where isPatient { #expect(value != nil) }
        }
    }

    @Test("A request that goes first and is limited again keeps the others back")
    func keepsPauses() async throws {
        let clock = TestClock()
        let gate = HostGate(limit: 2, timer: Timer(clock))
        gate.pause(for: .seconds(10))
        try await gate.pass(.read) { _ = gate.pause(for: .seconds(30)) }
        try await gate.pass(.read) {}
        #expect(clock.now.offset == .seconds(40))
    }

    @Test("Of those who do not wait one goes first after a pause, and the others are told when to come again")
    func passesAtOnce() async throws {
        let clock = TestClock()
        let gate = HostGate(limit: 1, timer: Timer(clock))
        gate.pause(for: .seconds(10))
        await #expect { try await gate.passAtOnce(.read) {} } throws: {
            ($0 as? HostGate.Paused)?.left == .seconds(10)
        }
        clock.advance(by: .seconds(10))
        try await gate.passAtOnce(.read) {
            await #expect(throws: HostGate.Paused.self) { try await gate.passAtOnce(.read) {} }
            gate.answered()
            try await gate.passAtOnce(.read) { try await gate.passAtOnce(.read) {} }
        }
        // One that was answered with another pause.
        gate.pause(for: .seconds(10))
        clock.advance(by: .seconds(10))
        try await gate.passAtOnce(.read) { _ = gate.pause(for: .seconds(30)) }
        await #expect { try await gate.passAtOnce(.read) {} } throws: {
            ($0 as? HostGate.Paused)?.left == .seconds(30)
        }
    }

    @Test("The answer to an older request does not end a pause that has begun since")
    func keepsNewPauses() async throws {
        let clock = TestClock()
        let gate = HostGate(limit: 2, timer: Timer(clock))
        gate.pause(for: .seconds(10))
        try await gate.pass(.read) {
            gate.pause(for: .seconds(30))
            gate.answered()
        }
        try await gate.pass(.read) {}
        #expect(clock.now.offset == .seconds(40))
    }

    @Test("A long upload that goes first after a pause holds back others like it alone, until anything is answered")
    func passesLongUploads() async throws {
        let gate = HostGate(limit: 8, timer: Timer(TestClock()))
        gate.pause(for: .seconds(10))
        let (begun, mayEnd) = (Watched(0), Watched(false))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    try await gate.pass(.write, isLongUpload: true) {
                        begun.update { $0 += 1 }
                        try await mayEnd.wait { $0 }
                    }
                }
            }
            try await begun.wait { $0 > 0 }
            for _ in 0..<100 { await Task.yield() }
            #expect(begun.value == 1)
            try await gate.pass(.write) { gate.answered() }
            try await begun.wait { $0 == 2 }
            mayEnd.update { $0 = true }
            try await group.waitForAll()
        }
    }

    @Test("The session of an upload that is cancelled together with its client is given up")
    func givesSessionsUp() async throws {
        let (gate, source) = (Gate(), ByteSource.random(seed: 11, count: 3 << 20))
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("PUT", .uploads), .holdHead(gate))
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = try? await withClient { try await $0.push(registry).store(SampleReader(source)) }
                }
                try? await gate.waitForArrivals()
                group.cancelAll()
            }
            #expect(registry.count("DELETE") == 1)
            gate.open()
        }
    }

    @Test(
        "An upload that is opened while its task is cancelled is given up, once the registry says where it is",
        arguments: [nil, "library/other"] as [RepositoryName?]
    )
    func givesLateSessionsUp(source: RepositoryName?) async throws {
        let (gate, bytes) = (Gate(), ByteSource.random(seed: 11, count: 3 << 20))
        try await ScriptedRegistry.with { registry in
            registry.options.mounts = false
            registry.script(RequestMatch("POST", .uploads), .holdHead(gate))
            try await withClient { client in
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        _ = try? await client.push(registry).store(SampleReader(bytes), mountFrom: source)
                    }
                    try? await gate.waitForArrivals()
                    group.cancelAll()
                }
                #expect(registry.count("DELETE") == 0)
                gate.open()
            }
            #expect(registry.requests.map(\.method) == ["POST", "DELETE"])
        }
    }
}
