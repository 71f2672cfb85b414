import Concurrency
import Logging
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Serve

/// What is known of upstreams' answers, without an upstream.
@Suite(.timeLimit(.minutes(5)))
struct QuestionTests {
    private typealias Told = Question<String, Int>.Told

    /// One thing that happens, and what somebody hears who asks then.
    struct Step: Sendable, CustomTestStringConvertible {
        var after = Duration.zero
        var key = "a"
        var own: Int?
        var says: Result<Int?, UpstreamError>
        /// What is heard; `nil` for an error.
        var hears: Int??
        var isStale = false
        var isAsked: Bool

        var testDescription: String { "\(key) after \(after)" }
    }

    private static let down = UpstreamError(.unavailable, "down")
    private static let mute = UpstreamError(.timeout, "mute")
    private static let limit = UpstreamError(.rateLimited, "limit", retryAfter: .seconds(60))
    private static let denied = UpstreamError(.denied, "denied")

    static let cases: [(name: String, steps: [Step])] = [
        (
            "an answer is believed for its lifetime",
            [
                Step(says: .success(1), hears: 1, isAsked: true),
                Step(after: .seconds(99), says: .success(2), hears: 1, isAsked: false),
                Step(after: .seconds(2), says: .success(2), hears: 2, isAsked: true),
            ]
        ),
        (
            "absence is believed for a shorter one",
            [
                Step(says: .success(nil), hears: .some(nil), isAsked: true),
                Step(after: .seconds(9), says: .success(1), hears: .some(nil), isAsked: false),
                Step(after: .seconds(2), says: .success(1), hears: 1, isAsked: true),
            ]
        ),
        (
            "a host that fails is left alone for all names of which there is something older",
            [
                Step(says: .success(1), hears: 1, isAsked: true),
                Step(key: "b", says: .success(2), hears: 2, isAsked: true),
                Step(after: .seconds(101), says: .failure(down), hears: 1, isStale: true, isAsked: true),
                Step(key: "b", says: .failure(down), hears: 2, isStale: true, isAsked: false),
                Step(key: "c", own: 3, says: .failure(down), hears: 3, isStale: true, isAsked: false),
                Step(key: "d", says: .success(4), hears: 4, isAsked: true),
                Step(key: "b", says: .success(5), hears: 5, isAsked: true),
            ]
        ),
        (
            "after its rest it is asked again",
            [
                Step(own: 1, says: .failure(down), hears: 1, isStale: true, isAsked: true),
                Step(after: .seconds(4), own: 1, says: .success(2), hears: 1, isStale: true, isAsked: false),
                Step(after: .seconds(2), own: 1, says: .success(2), hears: 2, isAsked: true),
            ]
        ),
        (
            "who says for how long is left alone by all, whatever they have",
            [
                Step(says: .failure(limit), isAsked: true),
                Step(after: .seconds(50), key: "b", says: .success(1), isAsked: false),
                Step(key: "b", own: 7, says: .success(1), hears: 7, isStale: true, isAsked: false),
                Step(after: .seconds(11), key: "b", says: .success(1), hears: 1, isAsked: true),
            ]
        ),
        (
            "nobody waits for a host that does not answer at all",
            [
                Step(says: .failure(mute), isAsked: true),
                Step(key: "b", says: .success(1), isAsked: false),
                Step(after: .seconds(6), key: "b", says: .success(1), hears: 1, isAsked: true),
            ]
        ),
        (
            "what is refused to one name says nothing of others",
            [
                Step(own: 1, says: .failure(denied), hears: 1, isStale: true, isAsked: true),
                Step(own: 1, says: .success(2), hears: 1, isStale: true, isAsked: false),
                Step(key: "b", own: 1, says: .success(2), hears: 2, isAsked: true),
                Step(after: .seconds(6), own: 1, says: .success(2), hears: 2, isAsked: true),
            ]
        ),
        (
            "what was kept counts for what who asks has himself",
            [
                Step(own: 9, says: .success(1), hears: 1, isAsked: true),
                Step(own: 9, says: .success(2), hears: 1, isAsked: false),
                Step(after: .seconds(101), own: 9, says: .failure(down), hears: 1, isStale: true, isAsked: true),
            ]
        ),
        (
            "what its host has called gone nobody brings back, whatever who asks has",
            [
                Step(says: .success(nil), hears: .some(nil), isAsked: true),
                Step(after: .seconds(11), own: 1, says: .failure(down), isAsked: true),
                Step(after: .seconds(6), own: 1, says: .success(1), hears: 1, isAsked: true),
            ]
        ),
    ]

    @Test("What is heard, and when the upstream is asked", arguments: cases.indices)
    func steps(index: Int) async throws {
        try await with { question, clock in
            for (number, step) in Self.cases[index].steps.enumerated() {
                clock.advance(by: step.after)
                let asked = Watched(false)
                let told: Told?
                do {
                    told = try await question.ask(step.key, at: "example.com", own: step.own) {
                        asked.update { $0 = true }
                        return try step.says.get()
                    }
                } catch is UpstreamError {
                    told = nil
                }
                let place = Comment(rawValue: "\(Self.cases[index].name), step \(number + 1)")
                #expect(told.map(\.answer) == step.hears, place)
                #expect((told?.source == .stale) == step.isStale, place)
                #expect(asked.value == step.isAsked, place)
            }
        }
    }

    @Test("Who asks something else of a host that wants no requests is not told what another has asked")
    func tellsNothingOfOthers() async throws {
        try await with(servesStale: false) { question, _ in
            let refusal = UpstreamError(
                .rateLimited,
                "secret/app: no (429)",
                told: "secret/app: no (429)",
                retryAfter: .seconds(60)
            )
            await #expect(throws: UpstreamError.self) {
                _ = try await question.ask("a", at: "example.com") { throw refusal }
            }
            let error = await #expect(throws: UpstreamError.self) {
                _ = try await question.ask("b", at: "example.com") { 1 }
            }
            #expect(error?.told.contains("example.com") == true && error?.told.contains("secret") == false)
        }
    }

    @Test("One answer that does not come says nothing of a host that answers others meanwhile")
    func others() async throws {
        try await with { question, clock in
            for (isAnswering, expected) in [(true, 1), (false, nil)] as [(Bool, Int?)] {
                await #expect(throws: UpstreamError.self) {
                    _ = try await question.ask("a\(isAnswering)", at: "example.com") {
                        clock.advance(by: .seconds(1))
                        if isAnswering { _ = try await question.ask("b", at: "example.com") { 2 } }
                        throw Self.mute
                    }
                }
                let told = try? await question.ask("c\(isAnswering)", at: "example.com") { 1 }
                #expect(told?.answer == expected)
            }
        }
    }

    @Test(
        "A host that has said for how long it wants no requests is left alone for it, whatever it answers to older ones",
        arguments: [Result.success(1), .failure(denied)]
    )
    func saidSo(older: Result<Int?, UpstreamError>) async throws {
        try await with { question, clock in
            let (isAsked, isOpen) = (Watched(false), Watched(false))
            async let first = question.ask("a", at: "example.com") {
                isAsked.update { $0 = true }
                try await isOpen.wait { $0 }
                return try older.get()
            }
            try await isAsked.wait { $0 }
            await #expect(throws: UpstreamError.self) {
                _ = try await question.ask("b", at: "example.com") { throw Self.limit }
            }
            isOpen.update { $0 = true }
            _ = try? await first
            let error = await #expect(throws: UpstreamError.self) {
                _ = try await question.ask("c", at: "example.com") { 1 }
            }
            #expect(error?.retryAfter == .seconds(60))
            clock.advance(by: .seconds(61))
            #expect(try await question.ask("c", at: "example.com") { 1 }.answer == 1)
        }
    }

    @Test("Many questions to one host at once are answered in their turn")
    func burst() async throws {
        try await with { question, _ in
            let (asked, isOpen) = (Watched(0), Watched(false))
            try await withThrowingTaskGroup(of: Int?.self) { group in
                for number in 0..<(2 * DetachedWork.share + 50) {
                    group.addTask {
                        try await question.ask("\(number)", at: "example.com") {
                            asked.update { $0 += 1 }
                            try await isOpen.wait { $0 }
                            return number
                        }.answer
                    }
                }
                try await asked.wait { $0 == DetachedWork.share }
                isOpen.update { $0 = true }
                var answers: Set<Int?> = []
                for try await answer in group { answers.insert(answer) }
                #expect(answers.count == 2 * DetachedWork.share + 50)
            }
        }
    }

    @Test("What waits for its turn is not asked of a host that has turned out not to answer")
    func burstAtMuteHost() async throws {
        try await with { question, _ in
            let (asked, isOpen) = (Watched(0), Watched(false))
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<(DetachedWork.share + 50) {
                    group.addTask {
                        await #expect(throws: UpstreamError.self) {
                            _ = try await question.ask("\(number)", at: "example.com") {
                                asked.update { $0 += 1 }
                                try await isOpen.wait { $0 }
                                throw Self.mute
                            }
                        }
                    }
                }
                try? await asked.wait { $0 == DetachedWork.share }
                isOpen.update { $0 = true }
            }
            #expect(asked.value == DetachedWork.share)
        }
    }

    @Test("Who asks while an answer comes is told that one, and the host is not asked again")
    func meanwhile() async throws {
        try await with { question, _ in
            let asked = Watched(0)
            for round in 1...500 {
                try await withThrowingTaskGroup(of: Int?.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            try await question.ask("\(round)", at: "example.com") {
                                asked.update { $0 += 1 }
                                return round
                            }.answer
                        }
                    }
                    for try await answer in group { #expect(answer == round) }
                }
            }
            #expect(asked.value == 500)
        }
    }

    @Test("Who asks while an answer is being put elsewhere finds it there, and the host is not asked again")
    func meanwhileElsewhere() async throws {
        let (asked, cache) = (Watched(0), Watched<[String: Int]>([:]))
        let name = { @Sendable (number: Int) in Digest.of(ByteBuffer(integer: number)) }
        let find = { @Sendable (key: String, digest: Digest) in
            cache.value[key].flatMap { name($0) == digest ? $0 : nil }
        }
        let weigh = { @Sendable (_: Int) -> Int? in nil }
        try await with(name: name, find: find, weigh: weigh) { question, _ in
            for round in 1...500 {
                try await withThrowingTaskGroup(of: Int?.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            try await question.ask("\(round)", at: "example.com", own: cache.value["\(round)"]) {
                                asked.update { $0 += 1 }
                                cache.update { $0["\(round)"] = round }
                                return round
                            }.answer
                        }
                    }
                    for try await answer in group { #expect(answer == round) }
                }
            }
            #expect(asked.value == 500)
        }
    }

    @Test("Who asks while others answer in the host's place is told that, and they are not asked again")
    func othersMeanwhile() async throws {
        try await with { question, _ in
            let asked = Watched(0)
            await #expect(throws: UpstreamError.self) {
                _ = try await question.ask("a", at: "example.com") { throw Self.limit }
            }
            for round in 1...500 {
                try await withThrowingTaskGroup(of: Int?.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            let standIn = { @Sendable (_: UpstreamError) async throws -> Int? in
                                asked.update { $0 += 1 }
                                return round
                            }
                            return try await question.ask("\(round)", at: "example.com", standIn: standIn) { nil }
                                .answer
                        }
                    }
                    for try await answer in group { #expect(answer == round) }
                }
            }
            #expect(asked.value == 500)
        }
    }

    @Test("A slow host is waited for once; from then on who has an older answer gets it at once, of every name")
    func patience() async throws {
        try await with { question, clock in
            let isSlow = Watched(true)
            let ask = { @Sendable (key: String) in
                try await question.ask(key, at: "example.com", own: 1) {
                    try await isSlow.wait { !$0 }
                    return 2
                }
            }
            async let first = ask("a")
            try await clock.waitForSleepers(2)
            clock.advance(by: .seconds(3))
            #expect(try await first.source == .stale)
            for key in ["a", "b", "c"] { #expect(try await ask(key).source == .stale) }
            // When its rest is over it is asked again, and hardly waited for.
            clock.advance(by: .seconds(6))
            async let later = ask("b")
            try await clock.waitForSleepers(3)
            clock.advance(by: .milliseconds(25))
            #expect(try await later.source == .stale)
            // The answers that were not waited for are known when they have come.
            isSlow.update { $0 = false }
            while try await ask("a").source == .stale { await Task.yield() }
            #expect(try await ask("a").answer == 2)
        }
    }

    @Test("An answer that does not end is given up after half a minute, and the next who asks asks anew")
    func deadline() async throws {
        try await with { question, clock in
            let isStuck = Watched(true)
            let ask = { @Sendable in
                try await question.ask("a", at: "example.com") {
                    try await isStuck.wait { !$0 }
                    return 2
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await #expect(throws: UpstreamError.self) { _ = try await ask() } }
                try await clock.waitForSleepers(1)
                clock.advance(by: .seconds(30))
                try await group.waitForAll()
            }
            isStuck.update { $0 = false }
            #expect(try await ask().answer == 2)
        }
    }

    @Test("What is not served stale fails with the upstream")
    func withoutStale() async throws {
        try await with(servesStale: false) { question, clock in
            _ = try await question.ask("a", at: "example.com") { 1 }
            clock.advance(by: .seconds(101))
            await #expect(throws: UpstreamError.self) {
                _ = try await question.ask("a", at: "example.com") { throw Self.down }
            }
        }
    }

    @Test("What is kept has a bound in bytes, and what is looked at stays")
    func bound() {
        let memory = Memory<Int, Int>(capacity: 100 * 1000)
        for number in 0..<10_000 {
            memory.keep(number, of: number, bytes: 1000)
            #expect(memory[0] == 0)
            #expect(memory.bytes <= 100 * 1000)
        }
        #expect(memory[5000] == nil)
        #expect(!memory.keep(1, of: 1, bytes: 50_000))
        #expect(memory[1] == nil)
    }

    private func with(
        servesStale: Bool = true,
        name: @escaping @Sendable (Int) -> Digest? = { _ in nil },
        find: @escaping @Sendable (String, Digest) -> Int? = { _, _ in nil },
        weigh: @escaping @Sendable (Int) -> Int? = { _ in 8 },
        _ body: (Question<String, Int>, ManualClock) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let time = Timer(clock)
        let work = DetachedWork()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let context = QuestionContext(
            patience: .seconds(3),
            time: time,
            health: HostHealth(rest: .seconds(5), time: time),
            work: work,
            logger: logger
        )
        let question = Question<String, Int>(
            (.seconds(100), .seconds(10), .seconds(5)),
            servesStale: servesStale,
            capacity: 1 << 20,
            context,
            name: name,
            find: find,
            weigh: weigh
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await work.run() }
            try await body(question, clock)
            group.cancelAll()
        }
    }
}
