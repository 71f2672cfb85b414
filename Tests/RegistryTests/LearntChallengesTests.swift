import OCI
import Testing

@testable import Registry

/// What is remembered of the challenges of one registry.
@Suite(.timeLimit(.minutes(1)))
struct LearntChallengesTests {
    private func scopes(_ count: Int) throws -> [Scope] {
        try (0..<count).map { Scope(repository: try RepositoryName("team/name-\($0)"), access: .pull) }
    }

    @Test("Repositories that anybody can make up take no more memory than a registry's own")
    func bound() throws {
        var learnt = LearntChallenges()
        let scopes = try scopes(3 * LearntChallenges.capacity)
        for scope in scopes {
            learnt.learn(.basic, for: scope, at: .zero)
            learnt.widen(scope, to: scope)
        }
        #expect(scopes.count { learnt.own($0) != nil } <= LearntChallenges.capacity)
        #expect(scopes.count { learnt.wider($0) != nil } <= LearntChallenges.capacity)
        // How the registry itself wants to be asked is known all the same.
        #expect(learnt.last == .basic)
        let newest = try #require(scopes.last)
        #expect(learnt.own(newest) == .basic)
    }
}
