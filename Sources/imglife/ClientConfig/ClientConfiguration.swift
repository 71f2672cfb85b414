import FoundationEssentials
import OCI

/// The lines that make a client pull through this mirror, and where they belong.
///
/// The formats: containerd's hosts.toml, dockerd's daemon.json, containers-registries.conf(5), k3s's registries.yaml,
/// buildkitd.toml.
///
/// Every client falls back to the registry itself when the mirror does not answer, and keeps the images' own names.
struct ClientConfiguration: Sendable {
    let client: ClientKind
    let mirror: MirrorAddress
    /// The registries that are mirrored, in the order in which they are written.
    let upstreams: [RegistryHost]
    /// Those of them that speak plain HTTP; the ones on this machine are taken to, as clients do.
    var plainUpstreams: Set<RegistryHost> = []
    /// A file on the client's machine that holds the mirror's certificate authority.
    var authorityFile: String?
    /// What the mirror wants to hear from clients.
    var credentials: MirrorCredentials?

    init(_ client: ClientKind, mirror: MirrorAddress, upstreams: [RegistryHost]) {
        self.client = client
        self.mirror = mirror
        self.upstreams = upstreams
    }

    /// Registries that this client cannot pull through a mirror at all: dockerd knows mirrors of Docker Hub only.
    var unreachable: [RegistryHost] {
        client == .docker ? upstreams.filter { $0 != .dockerHub } : []
    }

    /// What a person must do beside writing the text; the text's own comments say it for the other clients.
    var hints: [String] {
        guard client == .docker else { return loginHints }
        var hints = ["this belongs in /etc/docker/daemon.json; then: systemctl reload docker"]
        if let authorityFile {
            hints.append("copy \(authorityFile) to /etc/docker/certs.d/\(mirror.host)/ca.crt")
        }
        for upstream in unreachable {
            hints.append(
                "dockerd uses mirrors for docker.io only; pull images of \(upstream) as \(mirror.host)/\(upstream.listedName)/…"
            )
        }
        if credentials != nil {
            hints.append(
                "dockerd never sends a password to a mirror: let the mirror admit these machines without one, or run "
                    + "'docker login \(mirror.host)' and pull \(mirror.host)/docker.io/library/…"
            )
        }
        return hints
    }

    /// Clients that keep passwords in a place of their own.
    private var loginHints: [String] {
        guard let credentials else { return [] }
        switch client {
        case .podman:
            return [
                "passwords are kept elsewhere: podman login --username \(credentials.user.displaySafe) \(mirror.host)"
            ]
        case .buildkit:
            return [
                "passwords come from who builds: docker login --username \(credentials.user.displaySafe) \(mirror.host)"
            ]
        case .containerd, .k3s: return ["the text holds the password: let nobody but root read the file"]
        case .docker: return []
        }
    }

    /// The text of the file or files; where there can be several, each begins with a comment that is its path.
    var text: String {
        switch client {
        case .containerd: upstreams.map(containerdHosts).joined(separator: "\n")
        case .docker: daemon
        case .podman: registries
        case .k3s: k3s
        case .buildkit: buildkit
        }
    }

    /// containerd asks a mirror with `?ns=` and the registry's name.
    private func containerdHosts(_ upstream: RegistryHost) -> String {
        let server = upstream == .dockerHub ? "registry-1.docker.io" : "\(upstream)"
        let authority = authorityFile.map { "  ca = \(quoted($0))\n" } ?? ""
        let header = credentials.map { credentials in
            "  [host.\"\(mirror)\".header]\n    authorization = \(quoted(credentials.header))\n"
        }
        return """
            # /etc/containerd/certs.d/\(upstream)/hosts.toml
            # (containerd's config.toml must say config_path = "/etc/containerd/certs.d")
            server = "\(isPlain(upstream) ? "http" : "https")://\(server)"

            [host."\(mirror)"]
              capabilities = ["pull", "resolve"]
            \(authority)\(header ?? "")
            """
    }

    private var daemon: String {
        var fields = [#"  "registry-mirrors": ["\#(mirror)"]"#]
        if !mirror.isSecure, !mirror.host.isLoopback {
            fields.append(#"  "insecure-registries": ["\#(mirror.host)"]"#)
        }
        return "{\n\(fields.joined(separator: ",\n"))\n}\n"
    }

    private func isPlain(_ upstream: RegistryHost) -> Bool { plainUpstreams.contains(upstream) || upstream.isLoopback }

    /// containers-registries.conf(5) gives a mirror a path, so the registry's name goes there, with `_` before its port.
    private var registries: String {
        var text = "# /etc/containers/registries.conf.d/50-imglife.conf (podman, buildah, skopeo, CRI-O)\n"
        if let authorityFile {
            text += "# copy \(authorityFile) to /etc/containers/certs.d/\(mirror.host)/ca.crt\n"
        }
        for upstream in upstreams {
            text += """
                [[registry]]
                prefix = "\(upstream)"
                location = "\(upstream)"
                \(isPlain(upstream) ? "insecure = true\n" : "")
                [[registry.mirror]]
                location = "\(mirror.host)/\(upstream.listedName)"
                insecure = \(!mirror.isSecure)


                """
        }
        return text
    }

    private var k3s: String {
        var text = "# /etc/rancher/k3s/registries.yaml; then restart k3s\nmirrors:\n"
        for upstream in upstreams {
            text += "  \(quoted("\(upstream)")):\n    endpoint:\n      - \(quoted("\(mirror)"))\n"
            // Where the mirror fails, k3s asks the upstream by HTTPS unless it is told.
            if isPlain(upstream) { text += "      - \(quoted("http://\(upstream)"))\n" }
        }
        if authorityFile != nil || credentials != nil { text += "configs:\n  \(quoted("\(mirror.host)")):\n" }
        if let credentials {
            text +=
                "    auth:\n      username: \(quoted(credentials.user))\n      password: \(quoted(credentials.password))\n"
        }
        if let authorityFile { text += "    tls:\n      ca_file: \(quoted(authorityFile))\n" }
        return text
    }

    private var buildkit: String {
        var text = "# /etc/buildkit/buildkitd.toml\n"
        for upstream in upstreams {
            text += "[registry.\"\(upstream)\"]\n  mirrors = [\"\(mirror.host)\"]\n"
            text += isPlain(upstream) ? "  http = true\n\n" : "\n"
        }
        text += "[registry.\"\(mirror.host)\"]\n"
        if !mirror.isSecure { text += "  http = true\n" }
        if let authorityFile { text += "  ca = [\(quoted(authorityFile))]\n" }
        return text
    }

    /// A string of TOML, YAML and JSON alike.
    private func quoted(_ text: String) -> String { JSONText.quoted(text) }
}

/// A user's name and password for the mirror.
struct MirrorCredentials: Sendable {
    let user: String
    let password: String

    /// RFC 7617.
    fileprivate var header: String { "Basic " + Data("\(user):\(password)".utf8).base64EncodedString() }
}
