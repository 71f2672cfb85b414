import OCI
import TestSupport
import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct ClientConfigurationTests {
    private func configuration(
        _ client: ClientKind,
        _ mirror: String = "http://10.0.0.7:5050",
        _ upstreams: [String] = ["docker.io", "quay.io"],
        authority: String? = nil,
        credentials: MirrorCredentials? = nil
    ) throws -> ClientConfiguration {
        var configuration = ClientConfiguration(
            client,
            mirror: try MirrorAddress(mirror),
            upstreams: try upstreams.map { try RegistryHost($0) }
        )
        configuration.authorityFile = authority
        configuration.credentials = credentials
        return configuration
    }

    @Test("containerd gets one hosts.toml for each registry, and asks Docker Hub itself by its real name")
    func containerd() throws {
        #expect(
            try configuration(.containerd, "https://mirror.internal", authority: "/etc/ssl/mirror.crt").text == """
                # /etc/containerd/certs.d/docker.io/hosts.toml
                # (containerd's config.toml must say config_path = "/etc/containerd/certs.d")
                server = "https://registry-1.docker.io"

                [host."https://mirror.internal"]
                  capabilities = ["pull", "resolve"]
                  ca = "/etc/ssl/mirror.crt"

                # /etc/containerd/certs.d/quay.io/hosts.toml
                # (containerd's config.toml must say config_path = "/etc/containerd/certs.d")
                server = "https://quay.io"

                [host."https://mirror.internal"]
                  capabilities = ["pull", "resolve"]
                  ca = "/etc/ssl/mirror.crt"

                """
        )
    }

    @Test("dockerd gets plain JSON, and is told about what it cannot mirror")
    func docker() throws {
        let configuration = try configuration(.docker)
        #expect(
            configuration.text == """
                {
                  "registry-mirrors": ["http://10.0.0.7:5050"],
                  "insecure-registries": ["10.0.0.7:5050"]
                }

                """
        )
        #expect(configuration.hints.contains { $0.contains("10.0.0.7:5050/quay.io") })
    }

    @Test(
        "dockerd trusts loopback mirrors and those with TLS without being told",
        arguments: ["http://127.0.0.1:5050", "https://m"]
    )
    func dockerTrust(mirror: String) throws {
        #expect(!(try configuration(.docker, mirror).text.contains("insecure")))
    }

    @Test("podman's mirror carries the registry's name in its path")
    func podman() throws {
        #expect(
            try configuration(.podman, "http://127.0.0.1:5050", ["quay.io"]).text == """
                # /etc/containers/registries.conf.d/50-imglife.conf (podman, buildah, skopeo, CRI-O)
                [[registry]]
                prefix = "quay.io"
                location = "quay.io"

                [[registry.mirror]]
                location = "127.0.0.1:5050/quay.io"
                insecure = true


                """
        )
    }

    @Test("k3s gets a mirror for each registry, and the mirror's authority")
    func k3s() throws {
        #expect(
            try configuration(.k3s, "https://m:5050", authority: "/ca.crt").text == """
                # /etc/rancher/k3s/registries.yaml; then restart k3s
                mirrors:
                  "docker.io":
                    endpoint:
                      - "https://m:5050"
                  "quay.io":
                    endpoint:
                      - "https://m:5050"
                configs:
                  "m:5050":
                    tls:
                      ca_file: "/ca.crt"

                """
        )
    }

    @Test("BuildKit is told when the mirror speaks plain HTTP")
    func buildkit() throws {
        #expect(
            try configuration(.buildkit, "http://10.0.0.7:5050", ["docker.io"]).text == """
                # /etc/buildkit/buildkitd.toml
                [registry."docker.io"]
                  mirrors = ["10.0.0.7:5050"]

                [registry."10.0.0.7:5050"]
                  http = true

                """
        )
    }

    @Test("A registry with a port stands in a mirror's path with a low line, and on this machine it speaks plain HTTP")
    func ports() throws {
        #expect(
            try configuration(.podman, "http://127.0.0.1:5050", ["registry.lab:5000", "localhost:5000"]).text == """
                # /etc/containers/registries.conf.d/50-imglife.conf (podman, buildah, skopeo, CRI-O)
                [[registry]]
                prefix = "registry.lab:5000"
                location = "registry.lab:5000"

                [[registry.mirror]]
                location = "127.0.0.1:5050/registry.lab_5000"
                insecure = true

                [[registry]]
                prefix = "localhost:5000"
                location = "localhost:5000"
                insecure = true

                [[registry.mirror]]
                location = "127.0.0.1:5050/localhost_5000"
                insecure = true


                """
        )
        let hints = try configuration(.docker, "http://m:5050", ["registry.lab:5000"]).hints
        #expect(hints.contains { $0.contains("m:5050/registry.lab_5000/") })
    }

    @Test("containerd asks a registry on this machine, and one that the configuration says so of, over plain HTTP")
    func plainServers() throws {
        var configuration = try configuration(
            .containerd,
            "http://m:5050",
            ["127.0.0.1:5000", "registry.lab:80", "a.b"]
        )
        configuration.plainUpstreams = ["registry.lab:80"]
        let servers = configuration.text.split(separator: "\n").filter { $0.hasPrefix("server") }
        #expect(
            servers == [
                #"server = "http://127.0.0.1:5000""#, #"server = "http://registry.lab:80""#, #"server = "https://a.b""#,
            ]
        )
    }

    @Test("buildkit and k3s are told too which registries speak plain HTTP")
    func plainUpstreams() throws {
        for (client, line) in [(ClientKind.buildkit, "  http = true"), (.k3s, #"      - "http://registry.lab:80""#)] {
            var told = try configuration(client, "https://m:5050", ["registry.lab:80"])
            #expect(!told.text.split(separator: "\n").contains(Substring(line)))
            told.plainUpstreams = ["registry.lab:80"]
            #expect(told.text.split(separator: "\n").contains(Substring(line)), "\(told.text)")
        }
    }

    @Test(
        "A mirror that asks for a password gets it where the client can send one, and elsewhere it is said what to do"
    )
    func passwords() throws {
        let me = MirrorCredentials(user: "me", password: "p:w")
        let text = { (client: ClientKind) in
            try configuration(client, "https://m:5050", ["docker.io"], credentials: me)
        }
        #expect(
            try text(.containerd).text.hasSuffix(
                """
                [host."https://m:5050"]
                  capabilities = ["pull", "resolve"]
                  [host."https://m:5050".header]
                    authorization = "Basic bWU6cDp3"

                """
            )
        )
        #expect(try text(.k3s).text.contains("    auth:\n      username: \"me\"\n      password: \"p:w\"\n"))
        for client in [ClientKind.docker, .podman, .buildkit] {
            #expect(try !text(client).text.contains("p:w") && !text(client).text.contains("bWU6"))
            #expect(try text(client).hints.contains { $0.contains("login") && $0.contains("m:5050") })
        }
    }

    @Test(
        "A mirror's address is a scheme and a host",
        arguments: ["ftp://x", "http://", "http://a b", "https://x/y", ""]
    )
    func malformed(text: String) {
        #expect(throws: ReferenceError.self) { try MirrorAddress(text) }
    }
}
