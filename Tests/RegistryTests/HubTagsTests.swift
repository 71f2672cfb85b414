import FoundationEssentials
import OCI
import TestSupport
import Testing

@testable import Registry

@Suite(.timeLimit(.minutes(10)))
struct HubTagsTests {
    private let digest: Digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

    private func rows(_ count: Int) -> [HubStandIn.Row] {
        (0..<count).map { HubStandIn.Row("1.\($0)") }
    }

    @Test("A row gives the tag's name, its date and its digests")
    func rowsAreRead() async throws {
        try await ScriptedRegistry.with { registry in
            var pushed = HubStandIn.Row("3.21", digest: digest)
            pushed.images = [digest.description, "sha256:short"]
            var updated = HubStandIn.Row("3.20")
            updated.pushed = nil
            var undated = HubStandIn.Row("edge")
            (undated.pushed, undated.updated) = (nil, nil)
            undated.digest = "sha256:../../x"
            let stranger = HubStandIn.Row("no tag")
            _ = HubStandIn(registry, rows: [pushed, updated, undated, stranger])
            let tags = try #require(try await withHubClient(registry) { try await $0.hubTags(of: .alpine) })
            #expect(tags.map(\.name) == ["3.21", "3.20", "edge"])
            #expect(tags.map(\.digest) == [digest, nil, nil])
            #expect(tags[0].images.map(\.digest) == [digest])
            let dates = tags.map { $0.date.map { Int($0.timeIntervalSince1970) } }
            #expect(dates == [1_704_164_645, 1_672_628_645, nil])
        }
    }

    @Test("All pages are read", arguments: [0, 1, 100, 101, 200, 250, 10_000])
    func pages(count: Int) async throws {
        try await ScriptedRegistry.with { registry in
            _ = HubStandIn(registry, rows: rows(count))
            let tags = try #require(try await withHubClient(registry) { try await $0.hubTags(of: .alpine) })
            #expect(tags.map(\.name.description) == rows(count).map(\.name))
            #expect(registry.requests.count == max(1, (count + 99) / 100))
            #expect(registry.requests.first?.uri == "/v2/namespaces/library/repositories/alpine/tags?page_size=100")
        }
    }

    @Test("A repository without tags may have null for their list")
    func noTags() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", "/v2/namespaces/"), .reply(.json(200, #"{"count":0,"results":null}"#)))
            let tags = try await withHubClient(registry) { try await $0.hubTags(of: .alpine) }
            #expect(tags?.isEmpty == true)
        }
    }

    @Test("A count of fewer tags than there are is not trusted", arguments: [1, 150, 299])
    func wrongCount(count: Int) async throws {
        try await ScriptedRegistry.with { registry in
            HubStandIn(registry, rows: rows(300)).claim(count: count)
            let tags = try #require(try await withHubClient(registry) { try await $0.hubTags(of: .alpine) })
            #expect(tags.count == 300)
        }
    }

    @Test(
        "A list that ends before its count is cut short, and is no list",
        arguments: [(300, 301), (300, 999), (1, 3), (0, 3)]
    )
    func cutShort(held: Int, count: Int) async throws {
        try await ScriptedRegistry.with { registry in
            HubStandIn(registry, rows: rows(held)).claim(count: count)
            let error = await #expect(throws: RegistryError.self) {
                try await withHubClient(registry) { try await $0.hubTags(of: .alpine) }
            }
            #expect(error?.description.contains("its pages end after \(held) of \(count) tags") == true)
        }
    }

    @Test("Null in place of tags is no empty list where there are said to be some")
    func nullOfSome() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", "/v2/namespaces/"), .reply(.json(200, #"{"count":3,"results":null}"#)))
            await #expect(throws: RegistryError.self) {
                try await withHubClient(registry) { try await $0.hubTags(of: .alpine) }
            }
        }
    }

    @Test("A repetition among numbered pages makes them be followed one by one, and counts once")
    func repetition() async throws {
        try await ScriptedRegistry.with { registry in
            var rows = rows(350)
            rows[205] = rows[99]
            _ = HubStandIn(registry, rows: rows)
            let tags = try #require(try await withHubClient(registry) { try await $0.hubTags(of: .alpine) })
            #expect(tags.count == 349)
            #expect(registry.requests.count == 7)
        }
    }

    @Test(
        "A next page elsewhere is asked of the same list, as a proxy may hand on what Docker Hub says of itself",
        arguments: [
            "https://hub.docker.com/v2/namespaces/library/repositories/alpine/tags", "http://hub.docker.com/other", "",
            "/v2/namespaces/library/repositories/secret/tags", "ftp://x/",
        ],
        [150, 350]
    )
    func otherPlaces(place: String, count: Int) async throws {
        try await ScriptedRegistry.with { registry in
            HubStandIn(registry, rows: rows(count)).claim(place: place)
            let tags = try #require(try await withHubClient(registry) { try await $0.hubTags(of: .alpine) })
            #expect(tags.map(\.name.description) == rows(count).map(\.name))
            #expect(registry.requests.count == (count + 99) / 100)
            #expect(registry.requests.allSatisfy { $0.path == "/v2/namespaces/library/repositories/alpine/tags" })
        }
    }

    @Test(
        "A next page that is this one again is refused",
        arguments: ["https://127.0.0.1/v2/namespaces/library/repositories/alpine/tags", "ftp://x/", "?page_size=100"]
    )
    func noNextPage(next: String) async throws {
        try await ScriptedRegistry.with { registry in
            let body = #"{"count":101,"next":\#(JSONText.string(next)),"results":[{"name":"a"}]}"#
            registry.script(RequestMatch("GET", "/v2/namespaces/", times: nil), .reply(.json(200, body)))
            await #expect {
                _ = try await withHubClient(registry) { try await $0.hubTags(of: .alpine) }
            } throws: { ($0 as? RegistryError)?.kind == .protocolViolation }
            #expect(registry.requests.count == 1)
        }
    }

    @Test("Pages that lead in a circle, or bring nothing new, end in an error")
    func circles() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("GET", "/v2/namespaces/", times: nil),
                .flip { request in
                    let page = request.query["page"].flatMap { Int($0) } ?? 1
                    let next = JSONText.string("\(request.path)?page=\(page + 1)")
                    return .reply(.json(200, #"{"next":\#(next),"results":[{"name":"a\#(min(page, 3))"}]}"#))
                }
            )
            await #expect {
                _ = try await withHubClient(registry) { try await $0.hubTags(of: .alpine) }
            } throws: { ($0 as? RegistryError)?.kind == .protocolViolation }
            #expect(registry.requests.count == 4)
        }
    }

    @Test("A page that fails fails the listing: a part of the tags is never taken for all of them")
    func failingPage() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("GET", "/v2/namespaces/", times: nil, where: { $0.query["page"] == "3" }),
                .status(500)
            )
            _ = HubStandIn(registry, rows: rows(400))
            await #expect {
                _ = try await withHubClient(registry) { try await $0.hubTags(of: .alpine) }
            } throws: { ($0 as? RegistryError)?.kind == .unavailable }
        }
    }

    @Test(
        "Each page has tries of its own, however many are under way",
        arguments: [Action.status(502), .status(429), .status(429, headers: ["Retry-After": "1"])]
    )
    func refusedOnce(refusal: Action) async throws {
        try await ScriptedRegistry.with { registry in
            let gate = Gate()
            HubStandIn(registry, rows: rows(1250)).refuseOnce(.all([refusal, .holdHead(gate)]))
            async let tags = withHubClient(registry) { try await $0.hubTags(of: .alpine) }
            // So many are asked for at once.
            try await gate.waitForArrivals(6)
            gate.open()
            #expect(try await tags?.count == 1250)
        }
    }

    @Test("What all pages wait for together is no more than what one may")
    func waitsTogether() async throws {
        try await ScriptedRegistry.with { registry in
            let hub = HubStandIn(registry, rows: rows(1250))
            // So they are read one after the other.
            hub.claim(count: 150)
            hub.refuseOnce(.status(429, headers: ["Retry-After": "100"]))
            let clock = TestClock()
            await #expect {
                _ = try await withHubClient(registry, clock: clock) { try await $0.hubTags(of: .alpine) }
            } throws: { "\($0)".contains("rate limited") }
            #expect((800...1000).contains(Int(clock.now.offset / .seconds(1))), "\(clock.now.offset)")
        }
    }

    @Test("Something else than a list of tags is asked for once more", arguments: ["<html>", "{}", "[]", ""])
    func otherAnswers(body: String) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", "/v2/namespaces/", times: nil), .status(200, body: body))
            await #expect {
                _ = try await withHubClient(registry) { try await $0.hubTags(of: .alpine) }
            } throws: { ($0 as? RegistryError)?.kind == .protocolViolation }
            #expect(registry.requests.count == 2)
        }
    }

    @Test("Only repositories whose names have two components are looked for", arguments: ["alpine", "a/b/c"])
    func otherDepths(name: String) async throws {
        try await ScriptedRegistry.with { registry in
            let location = RepositoryReference(host: .dockerHub, repository: try RepositoryName(name))
            let tags = try await withHubClient(registry) { try await $0.hubTags(of: location) }
            #expect(tags == nil)
            #expect(registry.requests.isEmpty)
        }
    }

    @Test("Other hosts have no such API")
    func otherHosts() async throws {
        try await ScriptedRegistry.with { registry in
            let location = RepositoryReference(host: registry.host, repository: "library/alpine")
            let tags = try await withHubClient(registry) { try await $0.hubTags(of: location) }
            #expect(tags == nil)
        }
    }

    @Test("An API that fails for one repository is asked for the next")
    func failsForOne() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", "/repositories/a/", times: nil), .status(500))
            _ = HubStandIn(registry, rows: rows(2))
            try await withHubClient(registry) { client async throws in
                let failing = RepositoryReference(host: .dockerHub, repository: "library/a")
                await #expect(throws: RegistryError.self) { try await client.hubTags(of: failing) }
                #expect(try await client.hubTags(of: .alpine)?.count == 2)
            }
        }
    }

    @Test("The public API is asked for Docker Hub itself, and not for what an endpoint leads to in its place")
    func bases() throws {
        #expect(try HubAPI.base(of: .dockerHub, settings: nil)?.origin.host == "hub.docker.com")
        #expect(try HubAPI.base(of: .dockerHub, settings: HostSettings(endpoint: "https://m.example")) == nil)
        let both = HostSettings(endpoint: "https://m.example", hubAPI: "https://api.example")
        #expect(try HubAPI.base(of: .dockerHub, settings: both)?.origin.host == "api.example")
    }

    @Test("An API that cannot be reached is tried by one listing only, and each is told of its own repository")
    func outage() async throws {
        let registry = try await ScriptedRegistry.with { $0 }
        let clock = TestClock()
        try await withHubClient(registry, clock: clock) { client in
            for name in ["library/alpine", "library/nginx", "library/redis"] as [RepositoryName] {
                let location = RepositoryReference(host: .dockerHub, repository: name)
                let error = await #expect(throws: RegistryError.self) { try await client.hubTags(of: location) }
                #expect(error?.location == location)
            }
        }
        #expect(clock.sleeps.count == 2)
    }

    @Test("A list of more tags than a repository may have is read no further")
    func tooMany() async throws {
        try await ScriptedRegistry.with { registry in
            _ = HubStandIn(registry, rows: rows(1000))
            let error = await #expect(throws: RegistryError.self) {
                try await withHubClient(registry) { client in
                    let hub = try #require(client.hub(for: .dockerHub))
                    return try await HubListing(hub, .alpine, maximumTags: 250)?.tags()
                }
            }
            #expect(error?.kind == .tooLarge && registry.requests.count == 3, "\(registry.transcript)")
        }
    }
}
