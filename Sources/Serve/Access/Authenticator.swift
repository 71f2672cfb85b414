import NIOCore
import NIOPosix
import OCI
import Synchronization

/// Checks the passwords of requests, remembering for a while those that were right.
///
/// bcrypt is slow by design: only a few are computed at once, clients take turns, and a right password is known again by a
/// salted hash of it, for as long as it is used.
final class Authenticator: Sendable {
    private static let lifetime = Duration.seconds(300)
    private static let capacity = 1024

    private struct State {
        var passwords: PasswordFile
        var good: [Digest: ContinuousClock.Instant] = [:]
    }

    private let salt: UInt64
    private let state: Mutex<State>
    private let pool: NIOThreadPool
    private let turns: TurnQueue

    /// - Parameters:
    ///   - passwords: who is admitted.
    ///   - pool: where bcrypt is computed.
    ///   - places: how many at once: as many as it has threads.
    init(_ passwords: PasswordFile, pool: NIOThreadPool, places: Int) {
        turns = TurnQueue(places: places)
        salt = .random(in: .min ... .max)
        state = Mutex(State(passwords: passwords))
        self.pool = pool
    }

    /// Takes over another file; who was admitted by the old one is asked again.
    func replace(_ passwords: PasswordFile) {
        state.withLock { state in
            state.passwords = passwords
            state.good = [:]
        }
    }

    /// What can be told without computing a hash; `nil` when ``admits(_:from:)`` has to be asked.
    func admitsAtOnce(_ field: String?) -> Bool? {
        guard let field, let key = key(field) else { return false }
        if isKnown(key) { return true }
        return BasicCredentials(field) == nil ? false : nil
    }

    func admits(_ field: String?, from client: ServedClient) async -> Bool {
        guard let field, let key = key(field), let credentials = BasicCredentials(field) else { return false }
        if isKnown(key) { return true }
        let passwords = state.withLock { $0.passwords }
        // As many wait as there are connections, each with one request at a time; who leaves waits no more.
        let isRight = try? await turns.withPlace(client) {
            if isKnown(key) { return true }
            let isRight = try await pool.runIfActive {
                passwords.admits(user: credentials.user, password: credentials.password)
            }
            // Before the next one has the place, who may have sent the same.
            if isRight { remember(key, passwords) }
            return isRight
        }
        return isRight == true
    }

    /// Whether it was right a while ago; each use makes the while begin anew.
    private func isKnown(_ key: Digest) -> Bool {
        state.withLock { state in
            guard let admittedAt = state.good[key], admittedAt.duration(to: .now) < Self.lifetime else { return false }
            state.good[key] = .now
            return true
        }
    }

    private func remember(_ key: Digest, _ passwords: PasswordFile) {
        state.withLock { state in
            // The file may have been replaced meanwhile.
            guard state.passwords == passwords else { return }
            if state.good.count >= Self.capacity { state.good = [:] }
            state.good[key] = .now
        }
    }

    /// - Returns: `nil` for a field that is longer than any that is right.
    private func key(_ field: String) -> Digest? {
        guard field.utf8.count <= 4096 else { return nil }
        var bytes = ByteBuffer()
        bytes.writeInteger(salt)
        bytes.writeString(field)
        return .of(bytes)
    }
}
