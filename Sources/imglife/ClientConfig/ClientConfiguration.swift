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
    /// A file on the client's machine that holds the mirror's certificate authority.
    let authorityFile: String?

    init(
        _ client: ClientKind,
        mirror: MirrorAddress,
        upstreams: [RegistryHost],
        authorityFile: String? = nil
    ) {
        self.client = client
        self.mirror = mirror
        self.upstreams = upstreams
        self.authorityFile = authorityFile
    }

    /// Registries that this client cannot pull through a mirror at all: dockerd knows mirrors of Docker Hub only.
    var unreachable: [RegistryHost] {
        client == .docker ? upstreams.filter { $0 != .dockerHub } : []
    }

    /// What a person must do beside writing the text; the text's own comments say it for the other clients.
    var hints: [String] {
        guard client == .docker else { return [] }
        var hints = ["this belongs in /etc/docker/daemon.json; then: systemctl reload docker"]
        if let authorityFile {
            hints.append("copy \(authorityFile) to /etc/docker/certs.d/\(mirror.host)/ca.crt")
        }
        for upstream in unreachable {
            hints.append(
                "dockerd uses mirrors for docker.io only; pull images of \(upstream) as \(mirror.host)/\(upstream)/…"
            )
        }
        return hints
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
        return """
            # /etc/containerd/certs.d/\(upstream)/hosts.toml
            # (containerd's config.toml must say config_path = "/etc/containerd/certs.d")
            server = "https://\(server)"

            [host."\(mirror)"]
              capabilities = ["pull", "resolve"]
            \(authority)
            """
    }

    private var daemon: String {
        var fields = [#"  "registry-mirrors": ["\#(mirror)"]"#]
        if !mirror.isSecure, !mirror.host.isLoopback {
            fields.append(#"  "insecure-registries": ["\#(mirror.host)"]"#)
        }
        return "{\n\(fields.joined(separator: ",\n"))\n}\n"
    }

    /// containers-registries.conf(5) gives a mirror a path, so the registry's name goes there.
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

                [[registry.mirror]]
                location = "\(mirror.host)/\(upstream)"
                insecure = \(!mirror.isSecure)


                """
        }
        return text
    }

    private var k3s: String {
        var text = "# /etc/rancher/k3s/registries.yaml; then restart k3s\nmirrors:\n"
        for upstream in upstreams {
            text += "  \(quoted("\(upstream)")):\n    endpoint:\n      - \(quoted("\(mirror)"))\n"
        }
        if let authorityFile {
            text += "configs:\n  \(quoted("\(mirror.host)")):\n    tls:\n      ca_file: \(quoted(authorityFile))\n"
        }
        return text
    }

    private var buildkit: String {
        var text = "# /etc/buildkit/buildkitd.toml\n"
        for upstream in upstreams {
            text += "[registry.\"\(upstream)\"]\n  mirrors = [\"\(mirror.host)\"]\n\n"
        }
        text += "[registry.\"\(mirror.host)\"]\n"
        if !mirror.isSecure { text += "  http = true\n" }
        if let authorityFile { text += "  ca = [\(quoted(authorityFile))]\n" }
        return text
    }

    /// A string of TOML, YAML and JSON alike.
    private func quoted(_ text: String) -> String { JSONText.quoted(text) }
}
