import FoundationEssentials
import OCI
import Registry
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct HubLimitTests {
    /// The wall clock of ``withHubClient``: Tue, 14 Nov 2023 22:13:20 GMT.
    @Test(
        "Each form of Retry-After is understood",
        arguments: [
            ("Retry-After", "30"), ("Retry-After", "Tue, 14 Nov 2023 22:13:50 GMT"), ("Retry-After", "1700000030"),
            ("Retry-After", "1700000030000"), ("X-Retry-After", "30"), ("X-Retry-After", "1700000030"),
        ]
    )
    func forms(header: String, value: String) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("GET", "/v2/namespaces/"),
                .status(429, headers: HeaderList().with(header, value))
            )
            _ = HubStandIn(registry, rows: [.init("3.21")])
            let clock = TestClock()
            let tags = try await withHubClient(registry, attempts: 1, clock: clock) {
                try await $0.hubTags(of: .alpine)
            }
            #expect(tags?.count == 1)
            #expect(clock.sleeps.map { Int(($0 / .seconds(1)).rounded()) } == [30])
        }
    }

    @Test(
        "A moment that is named is one of the registry's own clock, where it tells that",
        arguments: ["Thu, 01 Jan 1970 00:00:30 GMT", "Fri, 01 Jan 2100 00:00:30 GMT", "4102444830", "4102444830000"]
    )
    func foreignClock(value: String) async throws {
        let date = value.contains("1970") ? "Thu, 01 Jan 1970 00:00:00 GMT" : "Fri, 01 Jan 2100 00:00:00 GMT"
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("GET", "/v2/namespaces/"),
                .status(429, headers: ["Retry-After": value, "Date": date])
            )
            _ = HubStandIn(registry, rows: [.init("3.21")])
            let clock = TestClock()
            _ = try await withHubClient(registry, attempts: 1, clock: clock) { try await $0.hubTags(of: .alpine) }
            #expect(clock.sleeps.map { Int(($0 / .seconds(1)).rounded()) } == [30])
        }
    }

    @Test(
        "Of the texts that mean nothing, and times that have passed, the ordinary delay is kept",
        arguments: ["-5", "soon", "1600000000"]
    )
    func useless(value: String) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", "/v2/namespaces/"), .status(429, headers: ["Retry-After": value]))
            _ = HubStandIn(registry, rows: [.init("3.21")])
            let clock = TestClock()
            let tags = try await withHubClient(registry, clock: clock) { try await $0.hubTags(of: .alpine) }
            #expect(tags?.count == 1)
            #expect(clock.now.offset < .seconds(5))
        }
    }

    @Test("A limit that lasts too long is not waited for")
    func tooLong() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("GET", "/v2/namespaces/", times: nil),
                .status(429, headers: ["Retry-After": "1700007200"])
            )
            let clock = TestClock()
            await #expect {
                _ = try await withHubClient(registry, clock: clock) { try await $0.hubTags(of: .alpine) }
            } throws: { error in
                "\(error)".contains("rate limited until 2023-11-15T00:13:20Z")
            }
            #expect(clock.sleeps.isEmpty)
        }
    }
}

extension HeaderList {
    fileprivate func with(_ name: String, _ value: String) -> HeaderList {
        var list = self
        list.add(name, value)
        return list
    }
}
