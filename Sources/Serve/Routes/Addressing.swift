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
/// A host in front and `?ns=` may say the same together, as containerd does with `override_path`. `:443` says nothing.
/// A host with a port cannot stand in a name that clients accept, so it is also known with `_` instead of the `:`:
/// `registry_5000/team/app`. No host name has a `_`, and no name on Docker Hub has one in its first component. An IPv6
/// address is known by ``OCI/RegistryHost/listedName`` alone.
struct Addressing: Sendable {
    let hosts: Set<RegistryHost>

    func address(_ components: [String], namespace: String?) throws(AddressError) -> Address {
        let name = components.joined(separator: "/")
        if let namespace {
            guard let host = known(namespace) else { throw .unknownHost(namespace) }
            let isRepeated = components.count > 1 && listed(components[0]) == host
            let rest = isRepeated ? components.dropFirst() : components[...]
            return Address(repository: try repository(rest, on: host), name: name, namespace: namespace)
        }
        guard components.count > 1, let first = components.first, let host = try prefix(first) else {
            return Address(repository: try repository(components[...], on: .dockerHub), name: name, namespace: nil)
        }
        return Address(repository: try repository(components.dropFirst(), on: host), name: name, namespace: nil)
    }

    /// Whether a name may begin with a host that is not known yet, although it has no dot.
    func doubts(_ components: [String]) -> Bool {
        guard components.count > 1, listed(components[0]) == nil else { return false }
        let groups = components[0].split(separator: "-", omittingEmptySubsequences: false)
        // Seven colons, or two beside each other, are an IPv6 address.
        if groups.count == 8 || groups.contains("") { return true }
        guard let spelling = Self.spellings(of: components[0]).last else { return false }
        return spelling != components[0] && (try? RegistryHost(spelling)) != nil
    }

    /// - Returns: `nil` when a name's first component is not a host's.
    private func prefix(_ component: String) throws(AddressError) -> RegistryHost? {
        if let host = listed(component) { return host }
        let spellings = Self.spellings(of: component)
        guard component == "localhost" || component.contains(where: { $0 == "." || $0 == ":" }) else { return nil }
        // On Docker Hub no first component looks like a host.
        guard let host = spellings.lazy.compactMap({ try? RegistryHost($0) }).first else {
            throw .invalidName(component)
        }
        throw .unknownHost("\(host)")
    }

    private func listed(_ component: String) -> RegistryHost? {
        Self.spellings(of: component).lazy.compactMap(known).first
            ?? hosts.first { $0.isIPv6 && $0.listedName == component }
    }

    /// A component as it stands, and with the port behind a `:` where a `_` may stand for that.
    private static func spellings(of component: String) -> [String] {
        guard let separator = component.lastIndex(of: "_"),
            UInt16(component[component.index(after: separator)...]) != nil
        else { return [component] }
        return [component, "\(component[..<separator]):\(component[component.index(after: separator)...])"]
    }

    /// The host that a name means among those that are known, as they write it.
    func known(_ text: String) -> RegistryHost? {
        guard let host = try? RegistryHost(text) else { return nil }
        let meant = host.withoutUsualPort
        return [host, meant].first(where: hosts.contains) ?? hosts.first { $0.withoutUsualPort == meant }
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
