import OCI
import Synchronization
import TestSupport
import Testing

@testable import Registry

@Suite(.timeLimit(.minutes(10)))
struct WaitingTests {
    @Test(
        "A refused request that is told to come back at once is a try like any other",
        arguments: ["0", "0.01", "0.5"]
    )
    func countsRefusals(told: String) async throws {
        for status in [429, 503] {
            try await ScriptedRegistry.with { registry in
                registry.script(RequestMatch("GET", times: nil), .status(status, headers: ["Retry-After": told]))
                let clock = TestClock()
                await #expect {
                    try await withClient(clock: clock) { _ = try await $0.pull(registry).tags() }
                } throws: { "\($0)".contains("after 3 tries") && "\($0)".contains("\(status)") }
                #expect(registry.requests.count == 3)
                #expect(clock.now.offset >= .seconds(4))
            }
        }
    }

    @Test("So it is where no try waits at all")
    func countsRefusalsWithoutDelay() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", times: 50), .status(429, headers: ["Retry-After": "0"]))
            await #expect(throws: RegistryError.self) {
                try await withClient(retry: RetryPolicy(initialDelay: .zero)) { _ = try await $0.pull(registry).tags() }
            }
            #expect(registry.requests.count == 3)
        }
    }

    @Test("A 503 that names no time holds nobody else back")
    func passesOverloads() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", .tags), .status(503))
            registry.script(RequestMatch("GET", .tags), .reply(.json(200, #"{"tags":["a"]}"#)))
            let log = LogRecorder()
            let tags = try await withClient(log: log) { try await $0.pull(registry).tags() }
            #expect(tags == ["a"])
            #expect(!log.text.contains("a host wants no requests for a time"))
        }
    }

    @Test(
        "A time that nobody waits for fails all questions of that kind at once, and holds no others back",
        arguments: [429, 503]
    )
    func failsTheLike(status: Int) async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(.image(), repository: "library/app", tag: "v1")
            registry.script(RequestMatch("GET", .tags), .status(status, headers: ["Retry-After": "3600"]))
            let clock = TestClock()
            try await withClient(clock: clock) { client in
                for seconds in [0, 1, 898] {
                    clock.advance(by: .seconds(seconds))
                    for name in ["library/app", "library/b"] as [RepositoryName] {
                        await #expect {
                            _ = try await client.pull(registry, name).tags()
                        } throws: { error in
                            "\(error)".contains("rate limited until 2") && "\(error)".contains("(\(status))")
                        }
                    }
                }
                #expect(registry.requests.count == 1)
                #expect(try await client.pull(registry).resolve(.tag("v1")) != nil)
                // After a quarter of an hour it is asked once more, whatever it has said.
                clock.advance(by: .seconds(2))
                let tags = try await client.pull(registry).tags()
                #expect(tags == ["v1"])
            }
            #expect(clock.sleeps.isEmpty)
        }
    }

    @Test("A host that answers a question after all is asked it again")
    func forgetsLongWaits() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(.image(), repository: "library/app", tag: "v1")
            let gate = Gate()
            registry.script(RequestMatch("GET", .tags), .holdHead(gate))
            registry.script(RequestMatch("GET", .tags), .status(429, headers: ["Retry-After": "3600"]))
            try await withClient { client in
                let repository = client.pull(registry)
                async let first = repository.tags()
                try await gate.waitForArrivals()
                await #expect(throws: RegistryError.self) { _ = try await repository.tags() }
                gate.open()
                #expect(try await first == ["v1"])
                #expect(try await repository.tags() == ["v1"])
            }
            #expect(registry.requests.count == 3)
        }
    }

    @Test("Waits that are told end at their limit, with a time and the number of tries")
    func endsWaits() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", times: nil), .status(429, headers: ["Retry-After": "60"]))
            let clock = TestClock()
            await #expect {
                try await withClient(clock: clock) { _ = try await $0.pull(registry).tags() }
            } throws: {
                if case .rateLimited = ($0 as? RegistryError)?.kind {
                    ($0 as? RegistryError)?.tries == 16
                } else {
                    false
                }
            }
            #expect(registry.requests.count == 16)
        }
    }

    @Test("A rate limit under another status is one")
    func knowsCodes() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET"), .error(400, "TOOMANYREQUESTS"))
            registry.script(RequestMatch("GET"), .reply(.json(200, #"{"tags":["a"]}"#)))
            let tags = try await withClient { try await $0.pull(registry).tags() }
            #expect(tags == ["a"])
        }
    }

    @Test("A connection that has gone stale since an answer costs no try, each time")
    func forgivesStaleConnections() async throws {
        try await ScriptedRegistry.with { registry in
            for action in [Action.status(503), .closeBeforeHead, .status(503), .closeBeforeHead] {
                registry.script(RequestMatch("GET", .tags), action)
            }
            registry.load(.image(), repository: "library/app", tag: "v1")
            let tags = try await withClient { try await $0.pull(registry).tags() }
            #expect(tags == ["v1"])
            #expect(registry.requests.count == 5)
        }
    }

    @Test("A pause is told once, to the log and to displays, and a retry says which it is")
    func tellsOfPauses() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET"), .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "30"]))
            registry.script(RequestMatch("GET"), .status(500))
            registry.script(RequestMatch("GET", times: nil), .reply(.json(200, #"{"tags":[]}"#)))
            let log = LogRecorder()
            let told = Watched<[Waiting]>([])
            var configuration = RegistryConfiguration(logger: log.logger)
            configuration.clock = TestClock()
            configuration.onWaiting = { waiting in told.update { $0.append(waiting) } }
            try await RegistryClient.with(configuration) { _ = try await $0.pull(registry).tags() }
            #expect(told.value.map(\.host) == [registry.host.description])
            #expect(told.value.first?.reason == "429 TOOMANYREQUESTS")
            #expect(log.text.contains("notice a host wants no requests for a time"))
            #expect(log.text.contains("warning trying again") && log.text.contains("2 of 3"))
            let wait = log.text.firstMatch(of: #/"wait": [0-9]+ ms/#)
            #expect(wait != nil, "\(log.text)")
            // Place and action stand beside the reason, and are not told twice.
            #expect(!log.text.contains("cannot list the tags"), "\(log.text)")
        }
    }
}
