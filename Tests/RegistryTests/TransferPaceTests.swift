import Concurrency
import OCI
import TestSupport
import Testing

@testable import Registry

@Suite(.timeLimit(.minutes(10)))
struct TransferPaceTests {
    /// Receives pieces of one size at equal distances; how many until it is called too slow.
    private func pieces(of size: Int, every delay: Duration, upTo limit: Int = 1000) -> Int? {
        let clock = TestClock()
        var pace = TransferPace(timer: Timer(clock))
        for count in 1...limit {
            pace.starts()
            clock.advance(by: delay)
            if !pace.isAcceptable(after: size) { return count }
        }
        return nil
    }

    @Test("Less than 1 KiB/s over five minutes is too slow, as much is enough")
    func keepsFloor() {
        #expect(pieces(of: 1023, every: .seconds(1)) == 300)
        #expect(pieces(of: 1024, every: .seconds(1)) == nil)
        #expect(pieces(of: 30 * 1023, every: .seconds(30)) == 10)
        #expect(pieces(of: 1 << 20, every: .seconds(299)) == nil)
    }

    @Test("What has come to its end is not too slow")
    func sparesEnds() {
        let clock = TestClock()
        for count in [0, 10] {
            var pace = TransferPace(timer: Timer(clock))
            for (time, count) in [(299, 10), (2, count)] {
                pace.starts()
                clock.advance(by: .seconds(time))
                let isAcceptable = pace.isAcceptable(after: count)
                #expect(isAcceptable == (time == 299 || count == 0))
            }
        }
    }

    @Test("The time in which the receiver is busy does not count")
    func sparesReceivers() {
        let clock = TestClock()
        var pace = TransferPace(timer: Timer(clock))
        for _ in 0..<100 {
            pace.starts()
            clock.advance(by: .milliseconds(1))
            let isAcceptable = pace.isAcceptable(after: 10)
            #expect(isAcceptable)
            clock.advance(by: .seconds(60))
        }
    }

    @Test("An upload stalls while the registry takes nothing, not while its source has nothing")
    func watchesUploads() async throws {
        let clock = TestClock()
        let progress = UploadProgress(timer: Timer(clock), limit: .seconds(60), size: 100 << 20)
        progress.sends()
        await #expect(throws: Timer.Expired.self) { try await progress.watch() }
        #expect(clock.now.offset == .seconds(60))
        progress.awaitsAnswer()
        await #expect(throws: Timer.Expired.self) { try await progress.watch() }
        #expect(clock.now.offset == .seconds(60 + 62))
    }

    @Test(
        "Of an answer that has begun it is not said that none came",
        arguments: [
            Action.trickle(Valve(bytes: 5)),
            .all([.status(500, body: "Something is wrong here."), .trickle(Valve(bytes: 5))]),
        ]
    )
    func begunAnswers(action: Action) async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(.image(), repository: "library/app", tag: "v1")
            registry.script(RequestMatch("GET", .manifests, times: nil), action)
            let policy = RetryPolicy(attempts: 1, timeout: .milliseconds(300))
            await #expect {
                try await withClient(retry: policy) { _ = try await $0.pull(registry).manifest(.tag("v1")) }
            } throws: { error in
                let isTimeout = (error as? RegistryError)?.kind == .timeout
                return isTimeout && !"\(error)".contains("no answer")
            }
        }
    }

    @Test("A source may take as long as it wants")
    func waitsForSources() async throws {
        let clock = ManualClock()
        let progress = UploadProgress(timer: Timer(clock), limit: .seconds(60), size: 1)
        // A registry may have answered before anybody has asked the source.
        #expect(progress.isAwaitingSource)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await progress.watch() }
            for _ in 0..<5 {
                try await clock.waitForSleepers()
                clock.advance(by: .seconds(61))
            }
            try await clock.waitForSleepers()
            progress.sends()
            clock.advance(by: .seconds(60))
            await #expect(throws: Timer.Expired.self) { try await group.waitForAll() }
        }
    }
}
