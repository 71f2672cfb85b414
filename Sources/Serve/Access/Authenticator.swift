import NIOCore
import NIOPosix
import OCI
import Synchronization

/// Checks the passwords of requests, remembering for a while those that were right.
///
/// bcrypt is slow by design: only a few are computed at once, few more may wait, and a right password is known again
/// by a salted hash of it.
final class Authenticator: Sendable {
    enum Outcome {
        case admitted
        case refused
        /// Too many passwords are being checked.
        case overloaded
    }

    private static let lifetime = Duration.seconds(300)
    private static let capacity = 1024
    /// Passwords that are being checked or wait for it.
    private static let maximumPending = 32

    private struct State {
        var passwords: PasswordFile
        var good: [Digest: ContinuousClock.Instant] = [:]
        var pending = 0
    }

    private let salt: UInt64
    private let state: Mutex<State>
    private let pool: NIOThreadPool

    /// - Parameters:
    ///   - passwords: who is admitted.
    ///   - pool: where bcrypt is computed: as many at once as it has threads.
    init(_ passwords: PasswordFile, pool: NIOThreadPool) {
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

    /// What can be told without computing a hash; `nil` when ``admits(_:)`` has to be asked.
    func admitsAtOnce(_ field: String?) -> Bool? {
        guard let field, let key = key(field) else { return false }
        let admittedAt = state.withLock { $0.good[key] }
        if let admittedAt, admittedAt.duration(to: .now) < Self.lifetime { return true }
        return BasicCredentials(field) == nil ? false : nil
    }

    func admits(_ field: String?) async -> Outcome {
        guard let field, let key = key(field), let credentials = BasicCredentials(field) else { return .refused }
        let admittedAt = state.withLock { $0.good[key] }
        if let admittedAt, admittedAt.duration(to: .now) < Self.lifetime { return .admitted }
        let passwords = state.withLock { state -> PasswordFile? in
            guard state.pending < Self.maximumPending else { return nil }
            state.pending += 1
            return state.passwords
        }
        guard let passwords else { return .overloaded }
        defer { state.withLock { $0.pending -= 1 } }
        let isRight = try? await pool.runIfActive {
            passwords.admits(user: credentials.user, password: credentials.password)
        }
        guard isRight == true else { return .refused }
        remember(key, passwords)
        return .admitted
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
