import OCI
import Registry
import TestSupport
import Testing

/// How many requests are in flight to a registry that answers in waves.
@Suite(.timeLimit(.minutes(10)))
struct AdaptingTests {
    private let image = SampleImage.image()

    /// Asks a registry many things at once, and gives how many it was asked in each wave.
    ///
    /// Each wave is answered when it is complete, after a tenth of a second of the client's time.
    private func waves(
        _ expected: [Int],
        settings: HostSettings = HostSettings(plainHTTP: true),
        script: (ScriptedRegistry) -> Void = { _ in }
    ) async throws -> [Int] {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let gate = Watched(Gate())
            registry.script(RequestMatch("HEAD", .manifests, times: nil), .flip { _ in .holdHead(gate.value) })
            script(registry)
            let clock = TestClock()
            return try await withClient(hosts: [registry.host: settings], clock: clock) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<expected.reduce(0, +) {
                        group.addTask { _ = try await client.pull(registry).resolve(.tag("v1")) }
                    }
                    var seen: [Int] = []
                    for count in expected {
                        let wave = gate.value
                        try await wave.waitForArrivals(count)
                        // Who were let in beside them come a moment later.
                        for _ in 0..<100 { await Task.yield() }
                        gate.update { $0 = Gate() }
                        clock.advance(by: .milliseconds(100))
                        wave.open()
                        seen.append(wave.arrivals)
                    }
                    try await group.waitForAll()
                    return seen
                }
            }
        }
    }

    @Test("A far host is asked more at a time while that brings more")
    func grows() async throws {
        let expected = [8, 24, 24, 24]
        #expect(try await waves(expected) == expected)
    }

    @Test("Once its listing has come late a far host is asked as many things at once as it may be")
    func growsAfterTheListing() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let (listing, heads) = (Gate(), Gate())
            registry.script(RequestMatch("GET", .tags), .holdHead(listing))
            registry.script(RequestMatch("HEAD", .manifests, times: nil), .holdHead(heads))
            let clock = TestClock()
            let log = LogRecorder()
            try await withClient(clock: clock, log: log) { client in
                let repository = client.pull(registry)
                #expect(repository.room == nil)
                async let tags = repository.tags()
                try await listing.waitForArrivals()
                clock.advance(by: .milliseconds(240))
                listing.open()
                #expect(try await tags == ["v1"])
                #expect(repository.room == 24)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<30 { group.addTask { _ = try await repository.resolve(.tag("v1")) } }
                    try await heads.waitForArrivals(24)
                    for _ in 0..<100 { await Task.yield() }
                    #expect(heads.arrivals == 24)
                    heads.open()
                    try await group.waitForAll()
                }
            }
            #expect(log.text.contains("a host is asked so many things at a time from now on"))
        }
    }

    @Test("The settings' number is the most, and is where it begins when it is small")
    func respectsSettings() async throws {
        for (limit, expected) in [(3, [3, 3, 3, 3]), (12, [8, 12, 12])] {
            let settings = HostSettings(plainHTTP: true, maxConnections: limit)
            #expect(try await waves(expected, settings: settings) == expected)
        }
    }

    @Test("A host that wants fewer requests is asked half of them")
    func halves() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(
                RequestMatch("GET", .manifests),
                .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "2"])
            )
            let gate = Gate()
            registry.script(RequestMatch("HEAD", .manifests, times: nil), .holdHead(gate))
            let log = LogRecorder()
            try await withClient(log: log) { client in
                _ = try await client.pull(registry).manifest(.tag("v1"))
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<12 { group.addTask { _ = try await client.pull(registry).resolve(.tag("v1")) } }
                    try await gate.waitForArrivals(4)
                    for _ in 0..<100 { await Task.yield() }
                    #expect(gate.arrivals == 4)
                    gate.open()
                    try await group.waitForAll()
                }
            }
            #expect(log.text.contains("a host is asked fewer things at a time from now on"))
        }
    }

    @Test("Connections that clients share adapt for all of them, and content leaves one place to others")
    func sharesPlaces() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let gate = Gate()
            registry.script(RequestMatch("HEAD", .manifests, times: nil), .holdHead(gate))
            var configuration = RegistryConfiguration(logger: LogRecorder().logger)
            configuration.clock = TestClock()
            try await RegistryConnections.with(configuration) { connections in
                configuration.connections = connections
                var content = configuration
                content.leavesRoom = true
                try await RegistryClient.with(content) { content in
                    try await RegistryClient.with(configuration) { questions in
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            for _ in 0..<12 {
                                group.addTask { _ = try await content.pull(registry).resolve(.tag("v1")) }
                            }
                            try await gate.waitForArrivals(7)
                            group.addTask { _ = try await questions.pull(registry).resolve(.tag("v1")) }
                            try await gate.waitForArrivals(8)
                            for _ in 0..<100 { await Task.yield() }
                            #expect(gate.arrivals == 8)
                            gate.open()
                            try await group.waitForAll()
                        }
                    }
                }
            }
            #expect(registry.count("HEAD") == 13)
        }
    }

    @Test("Connections are shared with a client that reaches every host as they do, and with no other")
    func sharesByHosts() async throws {
        var configuration = RegistryConfiguration(logger: LogRecorder().logger)
        configuration.hosts = ["registry.example.com": HostSettings(maxConnections: 2)]
        try await RegistryConnections.with(configuration) { connections in
            var (same, other) = (configuration, configuration)
            other.hosts["registry.example.com"]?.maxConnections = 3
            connections.share(with: &same)
            connections.share(with: &other)
            #expect(same.connections != nil && same.leavesRoom)
            #expect(other.connections == nil && !other.leavesRoom)
        }
    }
}
