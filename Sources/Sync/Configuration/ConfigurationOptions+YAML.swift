import Lifecycle
import OCI
import YAML

extension CacheOptions {
    /// Reads `cache`.
    init(_ field: Field, _ reader: inout FieldReader) {
        self.init()
        guard let fields = reader.mapping(field, keys: ["path", "max_size", "min_free"]) else { return }
        path = reader.string(fields["path"])
        maximumSize = reader.byteSize(fields["max_size"])
        minimumFree = reader.byteSize(fields["min_free"])
    }
}

extension LifecycleOptions {
    /// Reads the top-level `lifecycle`.
    init(_ field: Field, _ reader: inout FieldReader) {
        self.init()
        guard let fields = reader.mapping(field, keys: ["eol_provider", "eol_data_file", "eol_url"]) else { return }
        provider = reader.word(fields["eol_provider"], LifecycleOptions.Provider.self) ?? provider
        dataFile = reader.mentioned(fields["eol_data_file"]) ?? dataFile
        baseURL = reader.baseURL(fields["eol_url"], adding: "/api")
    }
}

extension RegistryOptions {
    private static let keys = [
        "endpoint", "plain_http", "ca_file", "hub_api", "max_connections", "mirrors", "auth_realms",
    ]

    static let credentialAdvice =
        "credentials are no part of this file: set IMGLIFE_<HOST>_USERNAME and IMGLIFE_<HOST>_PASSWORD or _TOKEN, "
        + "or log in with docker or podman"
    /// What other tools call things.
    private static let advice = [
        "insecure": "a host that speaks plain HTTP has 'plain_http: true'; one with a certificate of its own 'ca_file'",
        "tls": "a host that speaks plain HTTP has 'plain_http: true'; one with a certificate of its own 'ca_file'",
        "username": credentialAdvice, "user": credentialAdvice, "password": credentialAdvice,
        "pass": credentialAdvice, "token": credentialAdvice, "auth": credentialAdvice,
    ]

    /// Reads `registries`: options by host.
    static func byHost(_ field: Field, _ reader: inout FieldReader) -> [RegistryHost: RegistryOptions] {
        guard let hosts = reader.mapping(field) else { return [:] }
        var result: [RegistryHost: RegistryOptions] = [:]
        var lines: [RegistryHost: Int] = [:]
        for (name, value) in hosts.ordered {
            let key = Field(
                node: YAMLNode(position: value.keyPosition, content: .scalar(name, isPlain: false)),
                path: value.field.path
            )
            let host = reader.host(key)
            let options = RegistryOptions(value.field, of: host, &reader)
            guard let host else { continue }
            let meant = host.withoutUsualPort
            if let line = lines[meant] {
                reader.fail(key, "means \(meant), which line \(line) configures already; put both under one name")
                continue
            }
            lines[meant] = key.position.line
            result[host] = options
        }
        return result
    }

    private init(_ field: Field, of host: RegistryHost?, _ reader: inout FieldReader) {
        self.init()
        guard !field.node.isNull, let fields = reader.mapping(field, keys: Self.keys, advice: Self.advice) else {
            return
        }
        endpoint = reader.baseURL(fields["endpoint"], adding: "/v2")
        isPlainHTTP = reader.bool(fields["plain_http"]) ?? false
        if isPlainHTTP, let endpoint, !endpoint.isPlainHTTP, let field = fields["plain_http"] {
            reader.fail(field, "contradicts the endpoint \(endpoint.description.displaySafe); keep one of the two")
        }
        caFile = reader.mentioned(fields["ca_file"])
        hubAPI = reader.baseURL(fields["hub_api"], adding: "/v2")
        maximumConnections = reader.count(fields["max_connections"], upTo: Self.mostConnections)
        for element in reader.list(fields["auth_realms"], example: "[auth.example.com]") {
            if let realm = reader.host(element) { authRealms.append(realm) }
        }
        for element in reader.list(fields["mirrors"], example: "[mirror.example.com]") {
            guard let mirror = reader.host(element) else { continue }
            if mirror.withoutUsualPort == host?.withoutUsualPort {
                reader.fail(element, "must not be the host that it mirrors; leave it out")
            } else if !mirrors.contains(mirror) {
                mirrors.append(mirror)
            }
        }
    }

    /// The hosts that `registry`, a section of sibling tools, declares to speak plain HTTP; its other keys are theirs.
    static func plainHosts(_ field: Field, _ reader: inout FieldReader) -> [RegistryHost] {
        guard let section = reader.mapping(field) else { return [] }
        var hosts: [RegistryHost] = []
        for (key, value) in section.ordered where !value.field.node.isNull {
            if key == "insecure_registries" {
                for element in reader.list(value.field, example: "[registry.example.com:5000]") {
                    if let host = reader.host(element) { hosts.append(host) }
                }
            } else if key == "url", case .scalar(let text, _) = value.field.node.content,
                text.lowercased().hasPrefix("http://"), let url = reader.baseURL(value.field)
            {
                hosts.append(url.host)
            }
        }
        return hosts
    }
}
