import Concurrency
import OCI
import Synchronization

/// What has been found out about how one registry wants to be asked, and the tokens that it has given for certain credentials.
///
/// Clients that share connections and credentials share it too.
final class AuthorizerMemory: Sendable {
    struct TokenKey: Hashable {
        let service: TokenService
        let scope: Scope
        let credential: Credential?
    }

    struct State {
        var learnt = LearntChallenges()
        var roles = TokenRoles()
    }

    let credentials: CredentialStore
    /// By which tokens are renewed.
    let timer: Timer
    let passwords: RefusedPasswords
    let state = Mutex(State())
    let tokens = SingleFlight<TokenKey, Token>()
    let bases = SingleFlight<RegistryHost, (answer: HTTPResponse, at: Duration)>()
    let guests = GuestTokens.Memory()

    init(_ configuration: RegistryConfiguration) {
        credentials = configuration.credentials
        timer = Timer(configuration.clock)
        passwords = RefusedPasswords(timer, timeouts: Timer(configuration.timeoutClock))
    }
}
