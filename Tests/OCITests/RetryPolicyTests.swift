import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RetryPolicyTests {
    @Test(
        "The delays grow by the factor up to the longest",
        arguments: [(0, 2), (1, 2), (2, 4), (3, 8), (5, 32), (6, 60)]
    )
    func grows(attempt: Int, seconds: Int) {
        #expect(RetryPolicy().delay(afterAttempt: attempt) == .seconds(seconds))
    }

    @Test("Factor one keeps the delay")
    func stays() {
        let policy = RetryPolicy(initialDelay: .milliseconds(500), backoff: 1)
        #expect(policy.delay(afterAttempt: 1) == .milliseconds(500))
        #expect(policy.delay(afterAttempt: .max) == .milliseconds(500))
    }

    @Test(
        "No setting overflows or exceeds the longest delay",
        arguments: [Duration.zero, .nanoseconds(1), .seconds(2), .seconds(Int64.max), .seconds(-1)],
        [1, 1.5, 2, 1e18, .greatestFiniteMagnitude, .infinity, .nan, -1, 0]
    )
    func staysWithinBounds(initialDelay: Duration, backoff: Double) {
        var policy = RetryPolicy(initialDelay: initialDelay, backoff: backoff)
        // Settings may also be changed later, without the initializer's bounds.
        for changed in [false, true] {
            if changed {
                policy.initialDelay = initialDelay
                policy.backoff = backoff
            }
            for attempt in [Int.min, 0, 1, 2, 10, 1000, .max] {
                #expect((.zero...policy.maximumDelay).contains(policy.delay(afterAttempt: attempt)))
                let jittered = policy.jitteredDelay(afterAttempt: attempt)
                #expect(jittered >= .zero && jittered <= policy.maximumDelay * 1.2)
            }
        }
    }

    @Test("Even the longest possible longest delay does not overflow")
    func survivesLongestMaximum() {
        var policy = RetryPolicy(initialDelay: .seconds(Int64.max), backoff: 10)
        policy.maximumDelay = .seconds(Int64.max)
        #expect(policy.delay(afterAttempt: 50) == policy.maximumDelay)
        #expect(policy.jitteredDelay(afterAttempt: 50) > .zero)
    }

    @Test("Jitter changes the delay by a fifth at most, both ways")
    func jitters() {
        let delays = (0..<500).map { _ in RetryPolicy().jitteredDelay(afterAttempt: 2) }
        #expect(delays.allSatisfy { (.milliseconds(3200)...(.milliseconds(4800))).contains($0) })
        #expect(delays.contains { $0 < .seconds(4) } && delays.contains { $0 > .seconds(4) })
    }

    @Test("There is at least one try", arguments: [(-1, 1), (0, 1), (1, 1), (3, 3)])
    func tries(attempts: Int, expected: Int) {
        #expect(RetryPolicy(attempts: attempts).attempts == expected)
    }
}
