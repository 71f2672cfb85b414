import Concurrency
import OCI
import Synchronization

/// The refresh tokens that token services have given in place of those that they were presented, and take no more.
///
/// RFC 6749, 6: who is given a new one discards the old one. Nothing of them is written anywhere.
final class RefreshTokens: Sendable {
    /// The process's: credentials that are read again are those that were there before.
    static let ofProcess = RefreshTokens()

    /// Of whatever service: it is one endpoint's token, under all names that registries have for it.
    private struct Key: Hashable {
        let endpoint: HTTPURL
        let token: Secret
    }

    /// What is presented in a token's place.
    private struct Successor {
        let token: Secret
        /// Whether the service went on to take it when it was presented last.
        let isKept: Bool
        var lastUse = 0
    }

    private struct State {
        var successors: [Key: Successor] = [:]
        var uses = 0

        mutating func use(_ key: Key) -> Successor? {
            uses += 1
            successors[key]?.lastUse = uses
            return successors[key]
        }

        /// Takes note of an answer; of several at once one alone need bring a new token.
        mutating func note(_ answer: Token, to presented: Secret, for key: Key) {
            let former = successors[key]
            if let next = answer.refresh, next != presented {
                set(Successor(token: next, isKept: false), for: key)
            } else if former == nil || former?.token == presented {
                set(Successor(token: presented, isKept: true), for: key)
            }
        }

        private mutating func set(_ successor: Successor, for key: Key) {
            if successors[key] == nil, successors.count >= RefreshTokens.capacity { makeRoom() }
            uses += 1
            successors[key] = successor
            successors[key]?.lastUse = uses
        }

        /// First by what says no more than that a token is still taken.
        private mutating func makeRoom() {
            let needless = successors.min {
                let (one, other) = ($0.value.token != $0.key.token, $1.value.token != $1.key.token)
                return one == other ? $0.value.lastUse < $1.value.lastUse : other
            }
            if let needless { successors[needless.key] = nil }
        }
    }

    /// So many are remembered: a program may give whoever serves for months ever new ones.
    static let capacity = 1024

    private let state = Mutex(State())
    private let turns = KeyedLock<Key>()

    /// Has a token fetched with a refresh token, or with what has taken its place.
    ///
    /// So long as it may be taken for the last time, one after another.
    ///
    /// - Throws: what the body throws.
    func exchanging(
        _ token: Secret,
        at service: TokenService,
        _ body: (Secret) async throws -> Token
    ) async throws -> Token {
        let key = Key(endpoint: service.realm, token: token)
        if let kept = successor(key), kept.isKept {
            do {
                return try await exchange(kept.token, for: key, body)
            } catch {
                // Somebody may have been given another meanwhile.
                guard let now = successor(key), now.token != kept.token else { throw error }
            }
        }
        return try await turns.withLock(key) { try await exchange(successor(key)?.token ?? token, for: key, body) }
    }

    private func successor(_ key: Key) -> Successor? { state.withLock { $0.use(key) } }

    private func exchange(
        _ presented: Secret,
        for key: Key,
        _ body: (Secret) async throws -> Token
    ) async throws -> Token {
        let answer = try await body(presented)
        state.withLock { $0.note(answer, to: presented, for: key) }
        return answer
    }
}
