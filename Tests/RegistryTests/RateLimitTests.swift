import NIOCore
import OCI
import Registry
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RateLimitTests {
    private let image = SampleImage.image()

    @Test("A rate limit is waited for, without using up a try")
    func waits() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(
                RequestMatch("GET", .manifests, times: 2),
                .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "30"])
            )
            let clock = TestClock()
            try await withClient(retry: RetryPolicy(attempts: 1), clock: clock) { client in
                let manifest = try await client.pull(registry).manifest(.tag("v1"))
                #expect(manifest != nil)
            }
            #expect(clock.now.offset >= .seconds(59))
            #expect(registry.requests.count == 3)
        }
    }

    @Test("A wait beyond the limit fails at once, with the time")
    func refusesLongWaits() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("GET", .manifests, times: nil),
                .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "3600"])
            )
            let clock = TestClock()
            await #expect {
                _ = try await withClient(clock: clock) { try await $0.pull(registry).manifest(.tag("v1")) }
            } throws: { error in
                if case .rateLimited = (error as? RegistryError)?.kind {
                    "\(error)".contains("rate limited until 2")
                } else {
                    false
                }
            }
            #expect(registry.requests.count == 1)
            #expect(clock.sleeps.isEmpty)
        }
    }

    @Test("A host that refuses everything for a quarter of an hour is waited for once, not by each operation anew")
    func givesUp() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(
                RequestMatch(nil, .manifests, times: nil),
                .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "60"])
            )
            let clock = TestClock()
            try await withClient(clock: clock) { client in
                let repository = client.pull(registry)
                await #expect(throws: RegistryError.self) { try await repository.manifest(.tag("v1")) }
                let (waited, requests) = (clock.now.offset, registry.requests.count)
                #expect(waited >= .seconds(900) && waited < .seconds(1000))
                for _ in 0..<20 {
                    await #expect {
                        _ = try await repository.manifest(.tag("v1"))
                    } throws: { error in
                        "\(error)".contains("(429), it has refused everything for 15 minutes: try again then")
                    }
                }
                #expect(clock.now.offset == waited && registry.requests.count == requests)
                // When it wants requests again it gets them.
                registry.removeScript()
                try await clock.sleep(for: .seconds(61))
                #expect(try await repository.manifest(.tag("v1")) != nil)
            }
        }
    }

    @Test("One rate limit holds all requests to the host back, and one goes first afterwards")
    func holdsAllBack() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(
                RequestMatch("GET", .manifests),
                .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "30"])
            )
            let gate = Gate()
            try await withClient { client in
                let repository = client.pull(registry)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await repository.manifest(.tag("v1")) }
                    try await registry.waitForRequests { $0.first?.status == 429 }
                    registry.script(RequestMatch(nil, .manifests), .holdHead(gate))
                    try await gate.waitForArrivals()
                    for _ in 0..<5 { group.addTask { _ = try await repository.resolve(.tag("v1")) } }
                    for _ in 0..<100 { await Task.yield() }
                    #expect(registry.requests.count == 2)
                    gate.open()
                    try await group.waitForAll()
                }
            }
            #expect(registry.requests.count == 7)
        }
    }

    @Test("An upload that goes first after a pause does not hold back the reading that it waits for")
    func uploadsFromTheSameHost() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(
                RequestMatch("PUT", .uploads),
                .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "30"])
            )
            try await withClient { client in
                let source = client.pull(registry)
                let reader = DependentReader(source: ByteSource.random(seed: 5, count: 1 << 20)) {
                    // After the refusal, which is when the next PUT goes first.
                    guard registry.requests.contains(where: { $0.status == 429 }) else { return }
                    _ = try await source.resolve(.tag("v1"))
                }
                _ = try await client.push(registry, "library/copy").store(reader)
            }
            #expect(registry.store.openUploads == 0)
            #expect(registry.count("HEAD") > 0 && registry.count("PUT") == 2)
        }
    }

    /// Has its bytes once something else is done.
    private struct DependentReader: BlobReader {
        let source: ByteSource
        let wait: @Sendable () async throws -> Void
        var descriptor: Descriptor { source.descriptor }

        func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
            try await wait()
            return source.read(at: Int(offset), count: count)
        }
    }

    @Test("No more requests are in flight than the limit allows, and writing does not wait for reading")
    func limitsRequests() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let gate = Gate()
            registry.script(RequestMatch("HEAD", .manifests, times: nil), .holdHead(gate))
            try await withClient(hosts: [registry.host: HostSettings(plainHTTP: true, maxConnections: 2)]) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<6 { group.addTask { _ = try await client.pull(registry).resolve(.tag("v1")) } }
                    try await gate.waitForArrivals(2)
                    let source = ByteSource.random(seed: 1, count: 10)
                    _ = try await client.push(registry).store(SampleReader(source))
                    #expect(gate.arrivals == 2)
                    gate.open()
                    try await group.waitForAll()
                }
            }
            #expect(registry.count("HEAD") == 6)
        }
    }

    @Test("A refusal that says when to come again is a limit, and blames no credentials", arguments: ["5", "7200"])
    func forbids(delay: String) async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(
                RequestMatch("GET", .manifests, times: delay == "5" ? 2 : nil),
                .reply(
                    .json(
                        403,
                        #"{"message":"You have exceeded a secondary rate limit"}"#,
                        headers: ["Retry-After": delay]
                    )
                )
            )
            let clock = TestClock()
            try await withClient(clock: clock) { client async throws in
                let read = { try await client.pull(registry).manifest(.tag("v1")) }
                if delay == "5" {
                    #expect(try await read() != nil)
                    #expect(clock.now.offset >= .seconds(9))
                } else {
                    let error = await #expect(throws: RegistryError.self) { _ = try await read() }
                    #expect("\(error.map(String.init(describing:)) ?? "")".contains("rate limited until"))
                    #expect(registry.requests.count == 1)
                }
            }
        }
    }

    @Test("A denial is one, whatever it says of when to come again")
    func denies() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.script(
                RequestMatch("GET", .manifests, times: nil),
                .error(403, "DENIED", headers: ["Retry-After": "5"])
            )
            let clock = TestClock()
            let error = await #expect(throws: RegistryError.self) {
                _ = try await withClient(clock: clock) { try await $0.pull(registry).manifest(.tag("v1")) }
            }
            #expect(error?.kind == .forbidden && clock.sleeps.isEmpty)
        }
    }
}
