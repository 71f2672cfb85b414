import OCI

extension FieldReader {
    private static let registryKeys = [
        "endpoint", "plain_http", "ca_file", "hub_api", "max_connections", "mirrors", "auth_realms",
    ]

    /// `registries`: options by host.
    mutating func readRegistries(_ field: Field) -> [RegistryHost: RegistryOptions] {
        guard let hosts = mapping(field) else { return [:] }
        var result: [RegistryHost: RegistryOptions] = [:]
        var lines: [RegistryHost: Int] = [:]
        for (name, value) in hosts.ordered {
            let key = Field(
                node: YAMLNode(position: value.keyPosition, content: .scalar(name, isPlain: false)),
                path: value.field.path
            )
            guard let host = host(key) else {
                _ = readRegistry(value.field, of: nil)
                continue
            }
            let options = readRegistry(value.field, of: host)
            if let line = lines[host] {
                fail(key, "means \(host), which line \(line) configures already")
                continue
            }
            lines[host] = key.position.line
            result[host] = options
        }
        return result
    }

    private mutating func readRegistry(_ field: Field, of host: RegistryHost?) -> RegistryOptions {
        var options = RegistryOptions()
        guard !field.node.isNull, let fields = mapping(field, keys: Self.registryKeys) else { return options }
        options.endpoint = baseURL(fields["endpoint"])
        options.isPlainHTTP = bool(fields["plain_http"]) ?? false
        if options.isPlainHTTP, let endpoint = options.endpoint, !endpoint.isPlainHTTP, let field = fields["plain_http"]
        {
            fail(field, "contradicts the endpoint \(endpoint.description.displaySafe); keep one of the two")
        }
        options.caFile = string(fields["ca_file"])
        options.hubAPI = baseURL(fields["hub_api"])
        options.maximumConnections = count(fields["max_connections"])
        options.authRealms = list(fields["auth_realms"], example: "[auth.example.com]").compactMap { self.host($0) }
        for element in list(fields["mirrors"], example: "[mirror.example.com]") {
            guard let mirror = self.host(element) else { continue }
            if mirror == host {
                fail(element, "must not be the host that it mirrors")
            } else if !options.mirrors.contains(mirror) {
                options.mirrors.append(mirror)
            }
        }
        return options
    }

    /// The hosts that `registry`, a section of sibling tools, declares to speak plain HTTP; its other keys are theirs.
    mutating func readPlainHosts(_ field: Field) -> [RegistryHost] {
        guard let section = mapping(field) else { return [] }
        var hosts: [RegistryHost] = []
        for (key, value) in section.ordered where !value.field.node.isNull {
            if key == "insecure_registries" {
                for element in list(value.field, example: "[registry.example.com:5000]") {
                    if let host = host(element) { hosts.append(host) }
                }
            } else if key == "url", case .scalar(let text, _) = value.field.node.content,
                text.lowercased().hasPrefix("http://"), let url = baseURL(value.field)
            {
                hosts.append(url.host)
            }
        }
        return hosts
    }
}
