import FoundationEssentials
import Glibc
import OCI

/// What a docker or containers configuration file says about credentials.
///
/// `config.json` of docker and `auth.json` of containers share their form.
struct DockerConfiguration: Sendable {
    /// What one lookup came to.
    enum Finding: Sendable {
        case credential(Credential)
        case program(name: String, server: String)
    }

    /// The server name under which docker stores the credentials of Docker Hub.
    static let dockerHubServer = "https://index.docker.io/v1/"

    private let path: String
    private var auths: [String: JSONValue] = [:]
    private var programs: [String: (name: String, server: String)] = [:]
    private var defaultProgram: String?

    /// - Returns: `nil` when there is no such file.
    /// - Throws: ``CredentialError`` when it cannot be read or understood.
    init?(path: String) throws(CredentialError) {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            let code = ((error as? CocoaError)?.underlying as? POSIXError)?.code.rawValue ?? EIO
            if [ENOENT, ENOTDIR].contains(code) { return nil }
            throw CredentialError("\(path.displaySafe) cannot be read: \(String(cString: strerror(code)))")
        }
        try self.init(path: path, bytes: Array(data))
    }

    init(path: String, bytes: [UInt8]) throws(CredentialError) {
        self.path = path
        // As docker takes it: nobody has logged in yet.
        guard !bytes.allSatisfy({ " \t\r\n".utf8.contains($0) }) else { return }
        let root: JSONValue
        do {
            root = try JSONValue(parsing: bytes)
        } catch {
            throw CredentialError("\(path.displaySafe) is \(error)")
        }
        for member in root["auths"]?.members ?? [] {
            auths[Self.normalized(member.key)] = member.value
        }
        for member in root["credHelpers"]?.members ?? [] {
            guard let name = member.value.string else { continue }
            let key = Self.normalized(member.key)
            programs[key] = (name, key == RegistryHost.dockerHub.description ? Self.dockerHubServer : member.key)
        }
        defaultProgram = root["credsStore"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The longest key that matches decides, a program before an entry of the same length, the default program last.
    func find(_ location: RepositoryReference) throws(CredentialError) -> Finding? {
        for key in Self.keys(for: location) {
            let program = programs[key]
            if let program, !program.name.isEmpty { return .program(name: program.name, server: program.server) }
            if let auth = auths[key], let credential = try credential(auth, key: key) { return .credential(credential) }
            // A host without a program's name has its entry here, whatever is said of all others.
            if program != nil { return nil }
        }
        return defaultProgram.map { program in
            let isHub = location.host == .dockerHub
            return .program(name: program, server: isHub ? Self.dockerHubServer : location.host.description)
        }
    }

    /// `host/a/b`, `host/a`, `host`.
    private static func keys(for location: RepositoryReference) -> [String] {
        let components = location.repository.components
        return (0...components.count).reversed().map { count in
            ([Substring(location.host.description)] + components.prefix(count)).joined(separator: "/")
        }
    }

    /// A key without scheme, `/v1/` and the like, Docker Hub's aliases folded.
    private static func normalized(_ key: String) -> String {
        var text = key[...]
        for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
        while text.hasSuffix("/") { text = text.dropLast() }
        for version in ["/v1", "/v2"] where text.hasSuffix(version) { text = text.dropLast(version.count) }
        let host = text.prefix { $0 != "/" }
        let folded = (try? RegistryHost(host))?.description ?? String(host)
        return folded + text.dropFirst(host.count)
    }

    private func credential(_ auth: JSONValue, key: String) throws(CredentialError) -> Credential? {
        let source = Credential.Source.file(path)
        if let token = auth["identitytoken"]?.string, !token.isEmpty {
            return Credential(kind: .identity(Secret(token)), source: source)
        }
        if let token = auth["registrytoken"]?.string, !token.isEmpty {
            return Credential(kind: .bearer(Secret(token)), source: source)
        }
        if let user = auth["username"]?.string, let password = auth["password"]?.string, !user.isEmpty {
            return Credential(kind: .basic(user: user, password: Secret(password)), source: source)
        }
        guard let encoded = auth["auth"]?.string, !encoded.isEmpty else { return nil }
        // Some write a line's end after it, or leave the padding out.
        let bare = encoded.filter { !$0.isWhitespace && $0 != "=" }
        let padded = bare + String(repeating: "=", count: (4 - bare.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: padded), let text = String(validating: data, as: UTF8.self),
            let colon = text.firstIndex(of: ":")
        else {
            throw CredentialError(
                "\(path.displaySafe): 'auth' of '\(key.displaySafe)' is not the base64 form of user:password"
            )
        }
        let password = text[text.index(after: colon)...].filter { $0 != "\0" }
        // What a script writes whose variables are unset.
        if text[..<colon].isEmpty, password.allSatisfy(\.isNewline) { return nil }
        return Credential(kind: .basic(user: String(text[..<colon]), password: Secret(password)), source: source)
    }
}
