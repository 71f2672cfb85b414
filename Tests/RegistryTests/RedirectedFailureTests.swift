import NIOCore
import NIOHTTP1
import OCI
import TestSupport
import Testing

@testable import Registry

/// Failures of those to whom a registry leads: a content network, a store of objects.
@Suite(.timeLimit(.minutes(5)))
struct RedirectedFailureTests {
    private static let source = ByteSource.random(seed: 5, count: 100_000)
    private var blob: Descriptor { Self.source.descriptor }

    /// A registry that leads to a store for all of its blobs, which has them.
    private func withStore(
        _ body: (_ registry: ScriptedRegistry, _ store: ScriptedRegistry) async throws -> Void
    )
        async throws
    {
        try await ScriptedRegistry.with { store in
            store.store.putBlob(.bytes(Self.source), blob.digest, in: "library/app")
            try await ScriptedRegistry.with { registry in
                registry.load(.image(), repository: "library/app", tag: "v1")
                registry.script(RequestMatch(nil, .blobs, times: nil), .redirect(toOrigin: store.url))
                try await body(registry, store)
            }
        }
    }

    private func name(_ store: ScriptedRegistry, of registry: ScriptedRegistry) -> String {
        "\(store.host) (redirected from \(registry.host))"
    }

    private func failure(_ body: () async throws -> Void) async -> RegistryError? {
        do { try await body() } catch { return error as? RegistryError }
        return nil
    }

    private func isRateLimit(_ error: RegistryError?) -> Bool {
        if case .rateLimited = error?.kind { true } else { false }
    }

    @Test(
        "What a store answers, and how its connection ends, is told by the store's name",
        arguments: [
            (.status(503), "it answers 503"), (.status(500), "it answers 500"),
            (.error(503, "UNAVAILABLE"), "it says '"), (.resetBeforeHead, "the connection was "),
            (.reset(afterBytes: 10), "the transfer broke off at byte"), (.html, "the answer is a web page"),
            (.contentLength(5), "the answer has 5 bytes instead of"),
        ] as [(Action, String)]
    )
    func named(action: Action, reason: String) async throws {
        try await withStore { registry, store in
            store.script(RequestMatch(times: nil), action)
            let error = await failure { _ = try await withClient { try await $0.pull(registry).bytes(of: blob) } }
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains(": \(name(store, of: registry)): ") && text.contains(reason), "\(text)")
            #expect(!text.contains("the registry"), "\(text)")
        }
    }

    @Test("A pause that a store asks for holds back what it is asked for, and nothing of the registry")
    func pausesAlone() async throws {
        try await withStore { registry, store in
            store.script(RequestMatch(), .status(429, headers: ["Retry-After": "60"]))
            let (clock, log) = (TestClock(), LogRecorder())
            try await withClient(clock: clock, log: log) { client async throws in
                let repository = client.pull(registry)
                let error = await failure { _ = try await repository.asAlternative.bytes(of: blob) }
                #expect(isRateLimit(error))
                #expect(try await repository.manifest(.tag("v1")) != nil)
                #expect(clock.now.offset == .zero)
                #expect(try await repository.bytes(of: blob) == Self.source.buffer)
            }
            #expect(clock.now.offset >= .seconds(60) && clock.now.offset < .seconds(62))
            #expect(store.requests.map(\.status) == [429, 200])
            #expect(!log.text.contains("warning"), "\(log.text)")
        }
    }

    @Test("A store that wants no requests for a time is waited for without using up a try, and is who is waited for")
    func waits() async throws {
        try await withStore { registry, store in
            store.script(RequestMatch(times: 2), .status(503, headers: ["Retry-After": "30"]))
            let (clock, log) = (TestClock(), LogRecorder())
            let bytes = try await withClient(retry: RetryPolicy(attempts: 1), clock: clock, log: log) {
                try await $0.pull(registry).bytes(of: blob)
            }
            #expect(bytes == Self.source.buffer)
            #expect(clock.now.offset >= .seconds(60))
            let told = log.text.split(separator: "\n").filter { $0.contains("a host wants no requests for a time") }
            #expect(told.count == 2 && told.allSatisfy { $0.contains("\(store.host)") }, "\(told)")
        }
    }

    @Test("What was not sent, as a store was to be left alone, makes no later pause longer")
    func countsAnswersAlone() async throws {
        let context = Retry(RegistryConfiguration(logger: LogRecorder().logger))
            .context(.readBlob, RepositoryReference(host: "registry.example.com", repository: "app"))
        var error = context.error(.unavailable, "", status: 429)
        (error.pause, error.isUnsent, error.isLed) = (.zero, true, true)
        let delay = context.budget.ordinaryDelay
        for _ in 0..<5 { try await context.budget.wait(after: error, context) }
        #expect(context.budget.ordinaryDelay == delay)
        error.isUnsent = false
        try await context.budget.wait(after: error, context)
        #expect(context.budget.ordinaryDelay > delay)
    }

    @Test(
        "What a registry that another one leads to lacks is not there, though it has no words for it",
        arguments: [
            (.status(200), true), (.status(401, headers: ["WWW-Authenticate": #"Basic realm="x""#]), true),
            (.status(401), false),
        ] as [(Action, Bool)]
    )
    func lackingManifest(base: Action, isRegistry: Bool) async throws {
        try await ScriptedRegistry.with { other in
            other.script(RequestMatch(nil, .manifests, times: nil), .status(404))
            other.script(RequestMatch("GET", .exactly("/v2/"), times: nil), base)
            try await ScriptedRegistry.with { registry in
                registry.script(RequestMatch(nil, .manifests, times: nil), .redirect(toOrigin: other.url))
                try await withClient { client async throws in
                    let source = client.pull(registry)
                    if isRegistry {
                        #expect(try await source.manifest(.tag("v1")) == nil)
                    } else {
                        await #expect(throws: RegistryError.self) { try await source.manifest(.tag("v1")) }
                    }
                }
            }
        }
    }

    @Test("Who has another to ask does not ask a mirror again whose store lacks a blob")
    func lackingMirror() async throws {
        try await withStore { registry, store in
            store.script(RequestMatch(times: nil), .status(404))
            let error = await failure {
                _ = try await withClient { try await $0.pull(registry).asAlternative.bytes(of: blob) }
            }
            #expect(error?.kind == .notFound)
            #expect(!store.requests.map(\.path).contains("/v2/"))
        }
    }

    @Test("A question for referrers that a proxy lets nobody ask elsewhere is one that the registry does not know")
    func barred() {
        let place = RepositoryReference(host: "registry.example.com", repository: "app")
        var error = RegistryError(kind: .connection(.barred), action: .listReferrers, location: place, detail: "")
        #expect(!error.isLackOfReferrers)
        error.other = "www.example.com"
        #expect(error.isLackOfReferrers)
    }

    @Test("A store that has failed says nothing of the registry that leads to it")
    func stores() {
        let place = RepositoryReference(host: "registry.example.com", repository: "app")
        for (action, isStores) in [(RegistryError.Action.readBlob, true), (.readManifest, false)] {
            var error = RegistryError(kind: .unavailable, action: action, location: place, detail: "")
            #expect(!error.isStores)
            error.isLed = true
            #expect(error.isStores == isStores)
        }
    }

    @Test("A store that wants none for longer than anybody waits is not asked by the next either, and is named")
    func refusesLongWaits() async throws {
        try await withStore { registry, store in
            store.script(RequestMatch(times: nil), .status(429, headers: ["Retry-After": "3600"]))
            let clock = TestClock()
            try await withClient(clock: clock) { client async throws in
                for _ in 0..<3 {
                    let error = await failure { _ = try await client.pull(registry).bytes(of: blob) }
                    let text = error.map { "\($0)" } ?? ""
                    #expect(text.hasPrefix("\(name(store, of: registry)): rate limited until 2"), "\(text)")
                    #expect(text.hasSuffix(": try again then"), "\(text)")
                }
                #expect(try await client.pull(registry).manifest(.tag("v1")) != nil)
            }
            #expect(store.requests.count == 1)
            #expect(clock.sleeps.isEmpty)
        }
    }

    @Test("A store that refuses everything for a quarter of an hour is waited for once, not for each blob anew")
    func givesUp() async throws {
        try await withStore { registry, store in
            store.script(RequestMatch(times: nil), .status(429, headers: ["Retry-After": "60"]))
            let clock = TestClock()
            try await withClient(clock: clock) { client in
                for _ in 0..<5 {
                    let error = await failure { _ = try await client.pull(registry).bytes(of: blob) }
                    #expect(isRateLimit(error))
                }
            }
            #expect(clock.now.offset >= .seconds(900) && clock.now.offset < .seconds(1000))
        }
    }

    @Test("What a store lacks that is no registry is asked for again at the registry, and is an outage at last")
    func lost() async throws {
        for status in [404, 410] {
            try await withStore { registry, store in
                // Each time it is asked whether it is a registry.
                store.script(RequestMatch("GET", .any, times: 4), .status(status))
                let bytes = try await withClient { try await $0.pull(registry).bytes(of: blob) }
                #expect(bytes == Self.source.buffer)
                #expect(registry.requests.count == 3)
                store.script(RequestMatch(times: nil), .status(status))
                try await withClient { client in
                    let reading = await failure { _ = try await client.pull(registry).bytes(of: blob) }
                    #expect(reading?.kind == .unavailable && reading?.status == status)
                    let text = reading.map { "\($0)" } ?? ""
                    #expect(
                        text.contains("\(name(store, of: registry)): it answers \(status), after 3 tries"),
                        "\(text)"
                    )
                    let asking = await failure { _ = try await client.pull(registry).blobSize(blob.digest, named: nil) }
                    #expect(asking?.kind == .unavailable)
                }
            }
        }
    }

    @Test("What a registry lacks to which another one leads is not there, in its own words")
    func believed() async throws {
        try await ScriptedRegistry.with { other in
            try await ScriptedRegistry.with { registry in
                registry.script(RequestMatch(times: nil), .redirect(toOrigin: other.url))
                try await withClient { client async throws in
                    let repository = client.pull(registry)
                    #expect(try await repository.resolve(.tag("v1")) == nil)
                    #expect(try await repository.manifest(.tag("v1")) == nil)
                    #expect(try await repository.tags() == nil)
                    #expect(try await repository.blobSize(blob.digest, named: nil) == nil)
                    let error = await failure { _ = try await repository.bytes(of: blob) }
                    #expect(error?.kind == .notFound)
                }
            }
        }
    }

    @Test(
        "A registry that leads to itself over TLS is no other, and a store at its host is",
        arguments: [("https://registry.example/v2/", false), ("https://registry.example:9000/", true)]
    )
    func upgraded(address: String, isLost: Bool) throws {
        let body = HTTPResponse.Body.whole(ByteBuffer(), isCut: false)
        var response = HTTPResponse(status: 404, headers: [:], body: body, url: try #require(HTTPURL(address)))
        response.home = HTTPURL("http://registry.example/")
        #expect(response.isLost == isLost)
    }

    @Test("A service that leads to somebody who fails, or is behind a proxy, says whose failure it is")
    func services() async throws {
        try await ScriptedRegistry.with { service in
            service.script(RequestMatch(times: nil), .redirect(to: "http://127.0.0.1:1/data"))
            await #expect {
                try await withClient { _ = try await $0.fetchJSON("\(service.url)/data") }
            } throws: { "\($0)".contains("127.0.0.1:1 (redirected from \(service.host)): the connection was refused") }
        }
    }

    @Test("A manifest that is led to where nobody has it is an outage as well")
    func lostManifest() async throws {
        try await ScriptedRegistry.with { store in
            store.script(RequestMatch(times: nil), .status(404))
            try await ScriptedRegistry.with { registry in
                registry.script(RequestMatch(nil, .manifests, times: nil), .redirect(toOrigin: store.url))
                try await withClient { client in
                    for reference in [Reference.tag("v1"), .digest(SampleImage.image().digest)] {
                        let error = await failure { _ = try await client.pull(registry).manifest(reference) }
                        #expect(error?.kind == .unavailable)
                    }
                }
            }
        }
    }
}
