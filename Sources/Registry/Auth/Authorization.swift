import FoundationEssentials
import OCI

/// What one request was authorized with.
struct Authorization: Sendable {
    /// The `Authorization` header's value.
    var header: Secret?
    /// The token within it, when it came from a token service.
    var token: Token?
    /// Who has given that token.
    var service: TokenService?
    /// What it was asked for.
    var scope: Scope?
    /// Whose credentials are behind it.
    var credential: Credential?
    /// The same as they were found, where a token of ours went out in a role of its.
    var found: Credential?
    /// A token for nobody in particular, for whom a redirect has led to.
    var guest: Token?
    /// The token service that was not given the credentials we have.
    var withheldFrom: Origin?
    /// Under whose name credentials were looked for, where that is not the registry's.
    var account: RegistryHost?

    /// The credentials that were refused, if this was.
    var presented: Credential? { found ?? credential }

    /// Whether a password went out to the registry itself.
    var isPassword: Bool { header?.revealed.hasPrefix("Basic ") == true }

    /// The token of ours that went out as it is, if one did.
    var readyToken: Credential? {
        guard let credential, case .bearer(let secret) = credential.kind,
            header?.revealed == "Bearer \(secret.revealed)"
        else { return nil }
        return credential
    }

    /// What must not be shown when somebody repeats it.
    var secrets: [Secret] {
        [token?.secret, guest?.secret, header.map { Secret(String($0.revealed.drop { $0 != " " }.dropFirst())) }]
            .compactMap(\.self)
    }
}

extension Credential {
    /// What must not be shown when somebody repeats it.
    var secrets: [Secret] {
        switch kind {
        case .basic(_, let password):
            [password, basicHeader.map { Secret(String($0.revealed.dropFirst(6))) }].compactMap(\.self)
        case .bearer(let secret), .identity(let secret): [secret]
        }
    }

    /// The value of an `Authorization` header; `nil` for what isn't a password.
    var basicHeader: Secret? {
        guard case .basic(let user, let password) = kind else { return nil }
        return Secret("Basic " + Data("\(user):\(password.revealed)".utf8).base64EncodedString())
    }
}

extension Credential {
    /// The token in another role; `nil` where the credential is none, or is said to be a ready Bearer token.
    func token(as role: TokenRole, at host: RegistryHost) -> Credential? {
        guard case .bearer(let token) = kind, case .environment = source else { return nil }
        switch role {
        case .password: return Credential(kind: .basic(user: Self.tokenUser(at: host), password: token), source: source)
        case .refresh: return Credential(kind: .identity(token), source: source)
        case .ready: return self
        }
    }

    /// The user names that registries' documentation gives for their tokens, and the hosts whose they are, with all below
    /// them.
    private static let tokenUsers = [
        ("oauth2accesstoken", ["gcr.io", "pkg.dev"]),
        ("$oauthtoken", ["quay.io", "nvcr.io"]),
        ("00000000-0000-0000-0000-000000000000", ["azurecr.io", "azurecr.us", "azurecr.cn"]),
        ("AWS", ["amazonaws.com", "amazonaws.com.cn", "on.aws", "ecr.aws"]),
        ("iamapikey", ["icr.io"]),
        ("nologin", ["scw.cloud"]),
    ]

    private static func tokenUser(at host: RegistryHost) -> String {
        let known = tokenUsers.first { _, names in names.contains { host.name == $0 || host.name.hasSuffix(".\($0)") } }
        return known?.0 ?? "token"
    }
}
