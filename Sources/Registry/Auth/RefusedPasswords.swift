import Concurrency
import OCI
import Synchronization

/// The passwords that a registry, or its token service, has refused: accounts are locked after a few wrong ones.
///
/// One that was refused is presented once more where people log in, before it goes out with anything else: a registry may
/// refuse so, too, what a password's owner may not do. What is refused there as well is sent no more for a time, when some
/// repositories have refused it: who takes passwords may take none but for a repository.
final class RefusedPasswords: Sendable {
    /// A password, and who is to take it.
    struct Key: Hashable, Sendable {
        /// `nil` where it is the registry itself.
        let service: TokenService?
        let header: Secret
    }

    private struct Doubt {
        let refusal: RegistryError
        var repositories: Set<RepositoryReference> = []
        /// Until when it is not sent.
        var end: Duration?
    }

    private struct State {
        var doubts: [Key: Doubt] = [:]
        /// When.
        var accepted: [Key: Duration] = [:]
    }

    /// So long one is not doubted that was taken, and so long it rests when it was taken before that.
    private static let grace = Duration.seconds(10)
    /// So long one rests that was never taken.
    private static let rest = Duration.seconds(60)
    /// So many repositories of a registry are to refuse one.
    private static let enough = 3
    /// More are forgotten: a program may give whoever serves for months ever new ones.
    private static let capacity = 64

    private let timer: Timer
    private let state = Mutex(State())
    private let logins = SingleFlight<Key, Bool>()

    init(_ timer: Timer) { self.timer = timer }

    func accepted(_ key: Key) {
        let now = timer.now()
        state.withLock { state in
            if state.accepted.count >= Self.capacity { state.accepted = [:] }
            state.accepted[key] = now
            state.doubts[key] = nil
        }
    }

    func refused(_ key: Key, by refusal: RegistryError) {
        let now = timer.now()
        state.withLock { state in
            if let accepted = state.accepted[key], now - accepted < Self.grace { return }
            if state.doubts.count >= Self.capacity { state.doubts = [:] }
            state.doubts[key, default: Doubt(refusal: refusal)].repositories.insert(refusal.location)
        }
    }

    /// Looks whether a password may be sent; `logIn` presents it for nothing in particular, and tells whether it is taken.
    ///
    /// - Throws: the refusal, where it may not; what `logIn` throws.
    func check(
        _ key: Key,
        _ context: CallContext,
        logIn: () async throws -> Bool
    ) async throws {
        guard let doubt = state.withLock({ $0.doubts[key] }) else { return }
        let (others, location) = (doubt.repositories, context.location)
        if others.count < Self.enough, !others.contains(location) { return }
        if doubt.end.map({ timer.now() >= $0 }) ?? true {
            let isTaken = try await logins.value(for: key) {
                let isTaken = try await logIn()
                settle(key, isTaken)
                return isTaken
            }
            if isTaken { return }
        }
        throw Self.unsent(doubt.refusal, context)
    }

    /// A refusal about what was not sent for it.
    private static func unsent(_ refusal: RegistryError, _ context: CallContext) -> RegistryError {
        var error = refusal
        (error.action, error.location) = (context.action, context.location)
        (error.isUnsent, error.tries) = (true, nil)
        return error
    }

    private func settle(_ key: Key, _ isTaken: Bool) {
        guard !isTaken else { return accepted(key) }
        let now = timer.now()
        state.withLock { state in
            let rest = state.accepted[key] == nil ? Self.rest : Self.grace
            state.doubts[key]?.end = now + rest
        }
    }
}

extension RefusedPasswords.Key {
    /// What was sent to the registry itself; `nil` where that is no password.
    init?(_ used: Authorization) {
        guard let header = used.header, header.revealed.hasPrefix("Basic ") else { return nil }
        self.init(service: nil, header: header)
    }
}
