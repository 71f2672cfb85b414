import OCI

/// How a client reaches this server, as it stands in front of a repository's name.
struct PullAddress: Hashable, CustomStringConvertible {
    let description: String

    /// - Parameters:
    ///   - host: what the visitor's browser used, if it is a host at all.
    ///   - listen: what is used otherwise.
    ///   - isTLS: whether this server speaks TLS.
    init(host: String?, listen: ListenAddress, isTLS: Bool) {
        guard let host = host.flatMap({ try? RegistryHost($0) }) else {
            description = listen.host.isEmpty ? "localhost:\(listen.port)" : listen.description
            return
        }
        // Clients take a first component without a dot or a port for a name on Docker Hub.
        let isHost = host.port != nil || host.name == "localhost" || host.name.contains(".")
        description = isHost ? host.description : "\(host.name):\(isTLS ? 443 : 80)"
    }
}
