import OCI
import TestSupport
import Testing

@testable import Registry

/// What is presented in a refresh token's place.
@Suite(.timeLimit(.minutes(2)))
struct RefreshTokenTests {
    private struct Refusal: Error {}

    private let tokens = RefreshTokens()

    private func service(
        _ name: String = "registry",
        at realm: String = "https://auth.example.com/t"
    ) throws
        -> TokenService
    {
        let challenge = try #require(Challenge.parse(["Bearer realm=\"\(realm)\",service=\"\(name)\""]).first)
        return try TokenService(challenge, at: try #require(HTTPURL("https://registry.example.com/v2/")))
    }

    private func answer(_ refresh: String?) throws -> Token {
        let more = refresh.map { #","refresh_token":"\#($0)""# } ?? ""
        return try #require(Token(parsing: Array(#"{"token":"t"\#(more)}"#.utf8), now: .zero))
    }

    /// - Returns: what the service is presented.
    @discardableResult
    private func exchange(
        _ token: String,
        at service: TokenService,
        for next: String?
    ) async throws -> String {
        var presented = ""
        _ = try await tokens.exchanging(Secret(token), at: service) { secret in
            presented = secret.revealed
            return try answer(next)
        }
        return presented
    }

    @Test("A refresh token that its service keeps at first, and replaces later, is replaced then")
    func later() async throws {
        let service = try service()
        var presented: [String] = []
        for next in [nil, "first", "second", nil, "second", "third", nil] {
            presented.append(try await exchange("first", at: service, for: next))
        }
        #expect(presented == ["first", "first", "first", "second", "second", "second", "third"])
    }

    @Test("What has taken a refresh token's place has it under all names of its service, and at no other")
    func names() async throws {
        try await exchange("first", at: service("one"), for: "second")
        #expect(try await exchange("first", at: service("two"), for: nil) == "second")
        #expect(try await exchange("first", at: service(at: "https://auth.example.com/other"), for: nil) == "first")
    }

    @Test("Who is refused a refresh token that was replaced meanwhile presents what has taken its place")
    func meanwhile() async throws {
        let service = try service()
        try await exchange("first", at: service, for: nil)
        var presented: [String] = []
        _ = try await tokens.exchanging(Secret("first"), at: service) { secret in
            presented.append(secret.revealed)
            guard presented.count == 1 else { return try answer(nil) }
            try await exchange("first", at: service, for: "second")
            throw Refusal()
        }
        #expect(presented == ["first", "second"])
    }

    @Test("Of so many replaced refresh tokens the one that was not used for the longest time is forgotten")
    func bounded() async throws {
        let service = try service()
        for number in 0..<RefreshTokens.capacity {
            try await exchange("\(number)", at: service, for: "next \(number)")
        }
        try await exchange("kept", at: service, for: nil)
        #expect(try await exchange("1", at: service, for: nil) == "next 1")
        try await exchange("new", at: service, for: "next")
        #expect(try await exchange("1", at: service, for: nil) == "next 1")
        #expect(try await exchange("0", at: service, for: nil) == "0")
    }
}
