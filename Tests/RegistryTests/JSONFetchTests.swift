import NIOCore
import OCI
import Registry
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct JSONFetchTests {
    private let path = "/api/alpine.json"

    private func fetch(
        _ registry: ScriptedRegistry,
        entityTag: String? = nil,
        environment: [String: String] = [:]
    ) async throws -> JSONAnswer {
        try await withHubClient(registry, environment: environment) {
            try await $0.fetchJSON(registry.url + path, entityTag: entityTag)
        }
    }

    @Test("A document comes as it is, with its entity tag")
    func document() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("GET", .exactly(path)),
                .reply(.json(200, "[]", headers: ["ETag": #""x""#]))
            )
            let answer = try await fetch(registry)
            #expect(answer == .document(ByteBuffer(string: "[]"), entityTag: #""x""#))
        }
    }

    @Test("What is missing and what has not changed are told apart from failures")
    func otherAnswers() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET"), .status(404))
            let missing = try await fetch(registry)
            #expect(missing == .missing)
            registry.script(RequestMatch("GET"), .status(304))
            let unchanged = try await fetch(registry, entityTag: #""x""#)
            #expect(unchanged == .notModified)
            #expect(registry.requests.last?.headers["if-none-match"] == #""x""#)
        }
    }

    @Test("An entity tag that no header can hold asks for the document anew, and a page for people is none")
    func oddities() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET"), .reply(.json(200, "[]")))
            let answer = try await fetch(registry, entityTag: "a\nb")
            #expect(answer == .document(ByteBuffer(string: "[]"), entityTag: nil))
            #expect(registry.requests.map { $0.headers["if-none-match"] } == [nil])
            registry.script(RequestMatch("GET", times: nil), .html)
            await #expect(throws: JSONFetchError.self) { _ = try await fetch(registry) }
        }
    }

    @Test("A failing service is tried again, and then named", arguments: [500, 503, 403])
    func failures(status: Int) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", times: nil), .status(status))
            await #expect {
                _ = try await fetch(registry)
            } throws: { error in
                (error as? JSONFetchError)?.url == registry.url + path && !"\(error)".contains("registry")
            }
            #expect(registry.requests.count == (status == 403 ? 1 : 3))
        }
    }

    @Test("No credentials are sent, even to a host that has some")
    func anonymous() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET"), .reply(.json(200, "[]")))
            let port = registry.host.port ?? 0
            _ = try await fetch(registry, environment: ["IMGLIFE_127_0_0_1_\(port)_TOKEN": "t0ken"])
            #expect(registry.requests.map { $0.headers["authorization"] } == [nil])
        }
    }

    @Test("An answer that is too large is refused")
    func tooLarge() async throws {
        try await ScriptedRegistry.with { registry in
            let reply = Reply(200, body: ByteSource.random(seed: 1, count: 9 << 20))
            registry.script(RequestMatch("GET", times: nil), .reply(reply))
            await #expect {
                _ = try await fetch(registry)
            } throws: { ($0 as? JSONFetchError)?.reason.contains("more than") == true }
        }
    }
}
