import Concurrency
import OCI
import Synchronization

/// The passwords that a registry, or its token service, has refused: accounts are locked after a few wrong ones.
///
/// One that was refused is presented once more where people log in, before it goes out with anything else: a registry may
/// refuse so, too, what a password's owner may not do. What is refused there as well is sent no more for a time, when some
/// repositories have refused it: who takes passwords may take none but for a repository. One of which nobody has heard lately
/// that it is not refused goes out alone, as all that are under way beside it would be presented in vain as well.
final class RefusedPasswords: Sendable {
    /// Who is to take a password.
    enum Taker: Hashable, Sendable {
        case registry
        case service(TokenService)
        /// Who takes it for nothing in particular.
        case login
    }

    /// A password, and who is to take it.
    struct Key: Hashable, Sendable {
        let taker: Taker
        let header: Secret

        /// So many repositories are to refuse it.
        fileprivate var enough: Int { taker == .login ? 1 : 3 }
    }

    /// The time while a password is presented alone.
    struct Turn: Sendable {
        fileprivate let first: FirstWord<Key>
        fileprivate let turn: FirstWord<Key>.Turn

        /// Lets the next one present it, where it is not known yet.
        func end() { first.leave(turn) }
    }

    private struct Doubt {
        let refusal: RegistryError
        var repositories: Set<RepositoryReference> = []
        /// Until when it is not sent.
        var end: Duration?

        func rests(at now: Duration) -> Bool { end.map { now < $0 } ?? false }
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
    /// So long who presents one alone is waited for.
    private static let patience = Duration.seconds(5)
    /// More are forgotten: a program may give whoever serves for months ever new ones.
    private static let capacity = 64

    private let timer: Timer
    private let state = Mutex(State())
    private let logins = SingleFlight<Key, Bool>()
    private let first: FirstWord<Key>

    /// `timeouts` is the timer by which others are waited for.
    init(_ timer: Timer, timeouts: Timer) {
        self.timer = timer
        first = FirstWord(timeouts, patience: Self.patience, memory: Self.rest)
    }

    /// Who was presented a password has answered, whatever, and not refused it.
    func heard(_ key: Key) { first.heard(key) }

    func accepted(_ key: Key) {
        heard(key)
        let now = timer.now()
        state.withLock { state in
            if state.accepted.count >= Self.capacity { state.accepted = [:] }
            state.accepted[key] = now
            state.doubts[key] = nil
        }
    }

    func refused(_ key: Key, by refusal: RegistryError) {
        let now = timer.now()
        let isDoubted = state.withLock { state in
            if let accepted = state.accepted[key], now - accepted < Self.grace { return false }
            if state.doubts.count >= Self.capacity { state.doubts = [:] }
            state.doubts[key, default: Doubt(refusal: refusal)].repositories.insert(refusal.location)
            return true
        }
        if isDoubted { first.forget(key) }
    }

    /// Looks whether a password may be sent; `logIn` presents it for nothing in particular, and tells whether it is taken.
    ///
    /// - Returns: the caller's turn, where it has the password for itself.
    /// - Throws: the refusal, where it may not; what `logIn` throws.
    func check(
        _ key: Key,
        _ context: CallContext,
        logIn: () async throws -> Bool
    ) async throws -> Turn? {
        let turn = try await first.wait(for: key).map { Turn(first: first, turn: $0) }
        do {
            try await doubt(key, context, logIn)
            return turn
        } catch {
            turn?.end()
            throw error
        }
    }

    private func doubt(_ key: Key, _ context: CallContext, _ logIn: () async throws -> Bool) async throws {
        guard let doubt = state.withLock({ $0.doubts[key] }) else { return }
        let (others, location) = (doubt.repositories, context.location)
        if others.count < key.enough, !others.contains(location) { return }
        if !doubt.rests(at: timer.now()) {
            let isTaken = try await logins.value(for: key, context) {
                // Another may have presented it since that was looked up.
                guard let doubt = state.withLock({ $0.doubts[key] }) else { return true }
                if doubt.rests(at: timer.now()) { return false }
                let isTaken = try await logIn()
                settle(key, isTaken)
                return isTaken
            }
            if isTaken { return }
        }
        throw Self.unsent(doubt.refusal, context)
    }

    /// Presents a password where that may be done, and takes note of what comes of it.
    ///
    /// - Throws: what `present` throws; as ``check(_:_:logIn:)``, where `logIn` alone throws.
    func presenting<Answer>(
        _ key: Key,
        _ context: CallContext,
        logIn: () async throws -> Void,
        present: () async throws -> Answer
    ) async throws -> Answer {
        let turn = try await check(key, context) {
            do {
                try await logIn()
                return true
            } catch let error as RegistryError where error.isRefusalOfToken {
                return error.kind != .unauthorized
            }
        }
        defer { turn?.end() }
        do {
            let answer = try await present()
            accepted(key)
            return answer
        } catch let error as RegistryError where error.kind == .unauthorized {
            refused(key, by: error)
            throw error
        }
    }

    /// A refusal about what was not sent for it.
    private static func unsent(_ refusal: RegistryError, _ context: CallContext) -> RegistryError {
        var error = context.sharing(refusal)
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
        guard used.isPassword, let header = used.header else { return nil }
        self.init(taker: .registry, header: header)
    }
}
