import OCI

/// How a client reaches this server, as it stands in front of a repository's name.
struct PullAddress: Hashable, CustomStringConvertible {
    let description: String

    /// - Parameters:
    ///   - host: what the visitor's browser used, if it is a host at all.
    ///   - address: what is used otherwise.
    ///   - isTLS: whether this server speaks TLS.
    init(host: String?, otherwise address: String, isTLS: Bool) {
        guard let host = host.flatMap({ try? RegistryHost($0) }) else {
            description = address.hasPrefix(":") ? "localhost\(address)" : address
            return
        }
        // Clients take a first component without a dot or a port for a name on Docker Hub.
        let isHost = host.port != nil || host.name == "localhost" || host.name.contains(".")
        description = isHost ? host.description : "\(host.name):\(isTLS ? 443 : 80)"
    }

    /// The lines with which the usual clients pull something.
    func pulls(of name: String) -> [PageView.Pull] {
        [("Docker", "docker pull"), ("Podman", "podman pull"), ("containerd", "ctr images pull")].map {
            client,
            command in
            PageView.Pull(client: client, command: "\(command) \(self)/\(name)")
        }
    }
}
