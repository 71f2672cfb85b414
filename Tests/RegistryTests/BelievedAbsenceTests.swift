import Concurrency
import NIOCore
import NIOHTTP1
import OCI
import TestSupport
import Testing

@testable import Registry

/// Who says that something is not there: the registry, or somebody before one that is just being started.
@Suite(.timeLimit(.minutes(5)))
struct BelievedAbsenceTests {
    private static let page = Action.status(
        404,
        headers: ["Content-Type": "text/plain"],
        body: "404 page not found"
    )

    /// Everything that is asked of a source to which a 404 is an answer.
    private static let questions: [(name: String, ask: @Sendable (Repository) async throws -> Bool)] = [
        ("a tag", { try await $0.resolve(.tag("v1")) == nil }),
        ("a manifest", { try await $0.manifest(.tag("v1")) == nil }),
        ("a list of tags", { try await $0.tags() == nil }),
        ("a blob's size", { try await $0.blobSize(SampleImage.image().digest, named: nil) == nil }),
    ]

    @Test(
        "Who says of everything that it is not there, and has nothing or a page at the base, is an outage",
        arguments: questions.indices,
        [page, .html]
    )
    func nobody(index: Int, base: Action) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", .exactly("/v2/"), times: nil), base)
            registry.script(RequestMatch(times: nil), Self.page)
            try await withClient { client async throws in
                let error = await #expect(throws: RegistryError.self, "\(Self.questions[index].name)") {
                    _ = try await Self.questions[index].ask(client.pull(registry))
                }
                #expect(error?.kind == .unavailable, "\(Self.questions[index].name)")
            }
        }
    }

    /// What registries have at their bases, beside 200.
    private static let bases = [
        Action.status(200), .status(403), .status(401, headers: ["WWW-Authenticate": #"Basic realm="x""#]),
    ]

    @Test(
        "The same of a registry is believed, and the registry is asked once for many",
        arguments: questions.indices,
        bases
    )
    func bare(index: Int, base: Action) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", .exactly("/v2/"), times: nil), base)
            registry.script(RequestMatch(nil, .containing("/app/"), times: nil), Self.page)
            try await withClient { client async throws in
                for _ in 0..<3 { #expect(try await Self.questions[index].ask(client.pull(registry))) }
            }
            #expect(registry.requests.count { $0.path == "/v2/" } == 1)
        }
    }

    @Test("So it is of one that wants to know who asks, or leads people who look at its base to a page")
    func bareWithMore() async throws {
        for leadsPeople in [true, false] {
            try await ScriptedRegistry.with { pages in
                pages.script(RequestMatch(times: nil), .html)
                let authentication = leadsPeople ? Authentication.none : .bearer(TokenIssuer())
                try await ScriptedRegistry.with(authentication: authentication) { registry in
                    registry.script(RequestMatch(nil, .containing("/app/"), times: nil), Self.page)
                    if leadsPeople {
                        registry.script(RequestMatch("GET", .exactly("/v2/")), .redirect(to: pages.url + "/"))
                    }
                    let found = try await withClient { try await $0.pull(registry).manifest(.tag("v1")) }
                    #expect(found == nil)
                }
            }
        }
    }

    @Test("A registry's own words need no second question", arguments: questions.indices)
    func words(index: Int) async throws {
        try await ScriptedRegistry.with { registry in
            try await withClient { client async throws in
                #expect(try await Self.questions[index].ask(client.pull(registry)))
            }
            #expect(registry.requests.allSatisfy { $0.path != "/v2/" })
        }
    }

    @Test("A blob that somebody else calls absent is not given up, and comes when the registry is there again")
    func blob() async throws {
        let image = SampleImage.image()
        let blob = image.blobs[0]
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch(times: 2), Self.page)
            try await withClient { client async throws in
                let bytes = try await client.pull(registry).bytes(of: blob.descriptor)
                #expect(bytes == blob.source.buffer)
            }
        }
    }

    @Test("What ends the question at the base is told to each who waits for it of its own repository")
    func sharedFailure() async throws {
        try await ScriptedRegistry.with { registry in
            let gate = Gate()
            registry.script(
                RequestMatch("GET", .exactly("/v2/"), times: nil),
                .all([.redirect(to: "http://127.0.0.1:1/"), .holdHead(gate)])
            )
            registry.script(RequestMatch(times: nil), Self.page)
            try await withClient(retry: RetryPolicy(attempts: 1)) { client async throws in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for name in ["a", "b", "c", "d"] as [RepositoryName] {
                        let source = client.pull(registry, name)
                        group.addTask { () async throws in
                            let error = await #expect(throws: RegistryError.self) { try await source.tags() }
                            #expect(error?.location == source.location)
                        }
                    }
                    try await registry.waitForRequests { $0.count >= 5 }
                    for _ in 0..<1000 { await Task.yield() }
                    gate.open()
                    try await group.waitForAll()
                }
            }
        }
    }

    /// Says of everything but the base that it is not there.
    private final class Bare: HTTPHandler {
        let asked = Watched(0)

        func send(_ request: HTTPRequest) async throws -> HTTPResponse {
            let isBase = if case .path("", _) = request.target { true } else { false }
            if isBase { asked.update { $0 += 1 } }
            return HTTPResponse(
                status: isBase ? 200 : 404,
                headers: [:],
                body: .whole(ByteBuffer(), isCut: false),
                url: try HTTPURL("http://127.0.0.1/v2/", as: "url", of: request.context.location.host)
            )
        }
    }

    @Test("What many lack at once is believed after one question, whenever they ask")
    func meanwhile() async throws {
        let (bare, clock) = (Bare(), TestClock())
        let believed = BelievedAbsence(next: bare, timer: Timer(clock))
        let place = try RepositoryReference("127.0.0.1/app")
        let retry = Retry(RegistryConfiguration(logger: LogRecorder().logger))
        for _ in 1...500 {
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let context = retry.context(.resolve, place)
                        var request = HTTPRequest(context: context, method: .GET, target: .path("app/manifests/v1"))
                        request.scope = Scope(repository: place.repository, access: .pull)
                        return try await believed.send(request).status
                    }
                }
                for try await status in group { #expect(status == 404) }
            }
            clock.advance(by: .seconds(6))
        }
        #expect(bare.asked.value == 500)
    }

    @Test("Of a target that is pushed to any 404 is believed")
    func target() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch(times: nil), Self.page)
            try await withClient { client async throws in
                #expect(try await client.push(registry).resolve(.tag("v1")) == nil)
            }
            #expect(registry.requests.count == 1)
        }
    }
}
