import OCI

/// The repository that a request names, and how it named it.
struct Address: Hashable, Sendable {
    let repository: RepositoryReference
    /// As the client wrote it: what answers repeat.
    let name: String
    /// The value of `ns`, where it decided.
    let namespace: String?
}

/// Why a name leads to no repository.
enum AddressError: Error, Hashable {
    /// It does not follow the grammar: 400.
    case invalidName(String)
    /// It is on a host that is not served here: 404.
    case unknownHost(String)
}

/// The three ways in which clients name a repository: with its host in front, with `?ns=`, or bare for Docker Hub.
///
/// A host with a port cannot stand in a name that clients accept, so it is also known with `_` instead of the `:`:
/// `registry_5000/team/app`. No host name has a `_`, and no name on Docker Hub has one in its first component.
struct Addressing: Sendable {
    let hosts: Set<RegistryHost>

    func address(_ components: [String], namespace: String?) throws(AddressError) -> Address {
        let name = components.joined(separator: "/")
        if let namespace {
            guard let host = try? RegistryHost(namespace), hosts.contains(host) else {
                throw .unknownHost(namespace)
            }
            return Address(repository: try repository(components[...], on: host), name: name, namespace: namespace)
        }
        guard components.count > 1, let first = components.first, let host = try prefix(first) else {
            return Address(repository: try repository(components[...], on: .dockerHub), name: name, namespace: nil)
        }
        return Address(repository: try repository(components.dropFirst(), on: host), name: name, namespace: nil)
    }

    /// How a repository is listed: so that its name, put into a path, leads back to it.
    static func listedName(of repository: RepositoryReference) -> String {
        let host = repository.host
        return (host.port.map { "\(host.name)_\($0)" } ?? host.name) + "/" + repository.repository.description
    }

    /// - Returns: `nil` when a name's first component is not a host's.
    private func prefix(_ component: String) throws(AddressError) -> RegistryHost? {
        if let host = try? RegistryHost(component), hosts.contains(host) { return host }
        if let separator = component.lastIndex(of: "_") {
            let text = component[..<separator] + ":" + component[component.index(after: separator)...]
            if let host = try? RegistryHost(text), hosts.contains(host) { return host }
        }
        guard component == "localhost" || component.contains(where: { $0 == "." || $0 == ":" }) else { return nil }
        // On Docker Hub no first component looks like a host.
        throw (try? RegistryHost(component)) == nil ? .invalidName(component) : .unknownHost(component)
    }

    private func repository(
        _ components: ArraySlice<String>,
        on host: RegistryHost
    ) throws(AddressError) -> RepositoryReference {
        let name = components.joined(separator: "/")
        let isShort = host == .dockerHub && components.count == 1
        do {
            return RepositoryReference(host: host, repository: try RepositoryName(isShort ? "library/\(name)" : name))
        } catch {
            throw .invalidName(name)
        }
    }
}
