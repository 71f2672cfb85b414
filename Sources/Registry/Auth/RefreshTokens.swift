import Concurrency
import OCI
import Synchronization

/// The refresh tokens that token services have given in place of those that they were presented, and take no more.
///
/// RFC 6749, 6: who is given a new one discards the old one. Nothing of them is written anywhere.
final class RefreshTokens: Sendable {
    /// The process's: credentials that are read again are those that were there before.
    static let ofProcess = RefreshTokens()

    private struct Key: Hashable {
        let service: TokenService
        let token: Secret
    }

    private enum Successor {
        /// The service goes on to take it.
        case itself
        case other(Secret)
    }

    /// So many are remembered without forgetting those that have no successor: a program may give whoever serves for months
    /// ever new ones.
    private static let capacity = 1024

    private let successors = Mutex<[Key: Successor]>([:])
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
        let key = Key(service: service, token: token)
        if case .itself = successors.withLock({ $0[key] }) { return try await body(token) }
        return try await turns.withLock(key) {
            let successor = successors.withLock { $0[key] }
            let presented = if case .other(let other) = successor { other } else { token }
            let answer = try await body(presented)
            let next = Self.successor(of: presented, answer, successor)
            successors.withLock { successors in
                if successors.count >= Self.capacity {
                    successors = successors.filter { if case .other = $0.value { true } else { false } }
                }
                successors[key] = next
            }
            return answer
        }
    }

    private static func successor(of presented: Secret, _ answer: Token, _ former: Successor?) -> Successor {
        if let next = answer.refresh, next != presented { return .other(next) }
        return former ?? .itself
    }
}
