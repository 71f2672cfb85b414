import FoundationEssentials
import Glibc
import NIOCore
import NIOSSL
import OCI

extension RegistryError {
    package var description: String {
        switch kind {
        case .unauthorized where !detail.isEmpty: "\(location.host): \(detail)\(statusText)"
        case .unauthorized: "\(location.host) \(refusal)\(statusText): \(credentialAdvice)"
        case .forbidden:
            "\(location): not allowed to \(action.rawValue)\(subject.map { " \($0)" } ?? "")"
                + "\(other.map { " at \($0.displaySafe)" } ?? "")\(statusText)\(detailText)"
                + (namesReason ? "" : ": \(permissionAdvice)")
        case .rateLimited(let until):
            "\(other.map(named) ?? server): rate limited until \(until.formatted(.iso8601))\(statusText)\(detailText): "
                + (isLed ? "try again then" : "try again then, or use credentials with a higher limit")
        default:
            "\(location): cannot \(action.rawValue): \(subject.map { "\($0): " } ?? "")\(happened)\(triesText)"
                + (advice.map { ": \($0)" } ?? "")
        }
    }

    /// What happened alone, for who tells the place and the action beside it.
    var reason: String {
        switch kind {
        case .unauthorized, .forbidden, .rateLimited: description
        default: happened
        }
    }

    private var happened: String { "\(otherText)\(detail)\(isStatusAlone ? "" : statusText)" }

    /// Whether the status is all that is known, and the detail.
    private var isStatusAlone: Bool {
        code == nil && status.map { detail.hasSuffix(Self.statusAlone($0, of: "")) } ?? false
    }

    static func statusAlone(_ status: Int, of who: String = "the registry") -> String { "\(who) answers \(status)" }

    /// What happened at a service that is no registry.
    var reasonOfService: String {
        switch kind {
        case .unauthorized, .forbidden: "the service refuses anonymous requests (\(status ?? 0))"
        case .rateLimited(let until): "rate limited until \(until.formatted(.iso8601))"
        default: (proxy == nil && !isLed ? "" : otherText) + detail
        }
    }

    private var refusal: String {
        switch credential {
        case .some where isTokenRefused:
            "refused the token that its token service gave\(user.map { " user '\($0.displaySafe)'" } ?? "")"
        case nil: "asks for credentials to \(action.rawValue) of \(location.repository)"
        case .environment where user == nil, .file where user == nil, .program where user == nil: "refused the token"
        default: "refused the password of user '\((user ?? "").displaySafe)'"
        }
    }

    /// Whose settings decide about the connection, as they are named in the configuration.
    private var server: String { (other ?? location.host.description).displaySafe }

    private var otherText: String {
        (proxy.map { "the proxy \($0.displaySafe) of \(server)" } ?? other.map(named)).map { "\($0): " } ?? ""
    }

    private func named(_ other: String) -> String {
        other.displaySafe + (isLed ? " (redirected from \(location.host))" : "")
    }

    private var triesText: String { tries.map { $0 > 1 ? ", after \($0) tries" : "" } ?? "" }

    private var statusText: String {
        guard let status else { return "" }
        return code.map { " (\(status) \($0.rawValue))" } ?? " (\(status))"
    }

    /// The registry refuses in words that tell of something else than who may do what, or what it lacks: of space, of what
    /// stands already, or of a rule.
    var namesReason: Bool {
        // A repository may be called by such a word, and a media type may be told with what is lacking.
        let name = "\(location.repository)"
        let text = (name.contains("/") ? detail.replacing(name, with: "") : detail).lowercased()
        let room = #/quota|exceed/#
        let rule = #/polic|read-?only|disallow|does not allow updat|media[ -]?type(?!:)/#
        let standing = #/immutab|overwrit|already exist|\blocked\b|\bprotected\b(?! resource)/#
        return [room, rule, standing].contains(where: text.contains) && !text.contains("authoriz")
    }

    private var detailText: String { detail.isEmpty || isStatusAlone ? "" : ", \(detail)" }

    private var credentialAdvice: String {
        switch credential {
        case .some where isTokenRefused:
            "check that \(location.repository) is there and that these credentials may \(action.rawValue)"
        case nil:
            "set \(prefix)_USERNAME and _PASSWORD, or \(prefix)_TOKEN"
        case .environment(let prefix):
            user == nil
                ? "check \(prefix)_TOKEN; \(userAdvice) \(prefix)_USERNAME beside it"
                : "check \(prefix)_USERNAME and _PASSWORD"
        case .continuousIntegration:
            "the job's token may not be allowed here; set \(prefix)_USERNAME and _PASSWORD"
        case .file(let path): "check the entry in \(path.displaySafe), or log in again"
        case .program(let name): "check what docker-credential-\(name.displaySafe) holds, or log in again"
        }
    }

    private var userAdvice: String {
        location.host == .dockerHub
            ? "a personal access token is a password: set" : "where the registry wants it with a user's name, set"
    }

    private var permissionAdvice: String {
        switch (credential, user) {
        case _ where isUnasked: "it has not asked for the credentials that are set, so they were not sent"
        case (nil, _): "it may need credentials: \(credentialAdvice)"
        case (_, let user?): "check the permissions of user '\(user.displaySafe)'"
        default: "check the permissions of the token"
        }
    }

    private var prefix: String { EnvironmentCredentials.prefix((account ?? location.host).description) }

    private var withheldAdvice: String {
        switch (cause as? IOError)?.errnoCode {
        case EMFILE, ENFILE: "raise the limit on open files (ulimit -n)"
        case EADDRNOTAVAIL: "its ports are in use, or it has no address of that family"
        case EACCES, EPERM: "a firewall or a rule of this machine forbids it"
        default: "it lacks memory"
        }
    }

    private var advice: String? {
        switch kind {
        case .connection where proxy != nil, .timeout where proxy != nil:
            "check HTTPS_PROXY and HTTP_PROXY, or name \(server) in NO_PROXY"
        case .connection(.certificate) where cause is NIOSSLExtraError:
            "reach it by a name that its certificate has, as 'endpoint' of \(server)"
        case .connection(.certificate):
            "if its certificate is signed by a private authority, name that with 'ca_file' for \(server); else it may "
                + "have expired, or this machine's clock may be wrong"
        case .connection(.tls):
            "if it speaks plain HTTP, say so for \(server) with 'plain_http: true', or in its 'endpoint' with http://"
        case .connection(.unknownHost): "check the host's name and the network"
        case .connection(.refused), .connection(.unreachable):
            "check that \(other?.displaySafe ?? "the registry") is running and can be reached"
        case .connection(.withheld): withheldAdvice
        case .notFound where !isRepositoryThere && [.storeBlob, .storeManifest, .mountBlob].contains(action):
            "create the repository or project first where the registry needs that"
        case .tooLarge where status == 413 && code == nil:
            "the limit may be that of a proxy before it, such as nginx's client_max_body_size"
        case .unavailable where !isLed && (status == 429 || code == .tooManyRequests):
            "try again later, or use credentials with a higher limit"
        default: nil
        }
    }
}
