import OCI
import Sync

/// `regsync.yml`: credentials, defaults and steps of the types `image`, `repository` and `registry`.
enum RegsyncFile {
    static func looksLikeOne(_ document: ForeignValue) -> Bool {
        guard let steps = document["sync"]?.elements else {
            return document["creds"]?.elements != nil && document["defaults"]?.pairs != nil
        }
        return steps.contains { $0["source"] != nil && $0["target"] != nil && $0["type"] != nil }
            || document["creds"] != nil || document["defaults"] != nil
    }

    static func read(_ document: ForeignValue) -> Mirror {
        var mirror = Mirror()
        guard var root = Section(document) else { return mirror }
        _ = root.take("version")
        let defaults = root.take("defaults")
        mirror.comments = defaultsComments(defaults)
        for registry in root.take("creds")?.elements ?? [] { readRegistry(registry, &mirror) }
        for step in root.take("sync")?.elements ?? [] {
            guard var step = RegsyncStep(step, defaults: defaults) else {
                mirror.note("not converted: a step that is no mapping")
                continue
            }
            step.read(into: &mirror)
        }
        mirror.comments += root.leftovers()
        return mirror
    }

    private static func defaultsComments(_ defaults: ForeignValue?) -> [String] {
        guard var section = Section(defaults) else { return [] }
        var comments: [String] = []
        if let interval = section.text("interval") {
            comments.append(
                "'interval: \(interval.displayedWithoutSecrets)': run 'imglife sync --every \(interval.displayedWithoutSecrets)', or a timer"
            )
        }
        if let parallel = section.text("parallel") {
            comments.append(
                "'parallel: \(parallel.displayedWithoutSecrets)': set IMGLIFE_SYNC_PARALLELISM=\(parallel.displayedWithoutSecrets)"
            )
        }
        // What an entry inherits is told there.
        for key in RegsyncStep.inherited { _ = section.take(key) }
        return comments + section.leftovers(RegsyncStep.advice)
    }

    private static func readRegistry(_ value: ForeignValue, _ mirror: inout Mirror) {
        guard var section = Section(value), let name = section.text("registry") else {
            return mirror.note("not converted: credentials that name no registry")
        }
        guard let host = try? RegistryHost(name) else {
            let place = section.place
            return mirror.note(
                "not converted: the registry '\(name.displayedWithoutSecrets)', which is no host name\(place)"
            )
        }
        mirror.registry(host) { settings in
            let hasUser = [section.take("user"), section.take("pass"), section.take("credHelper")].contains {
                $0 != nil
            }
            if hasUser { settings.addCredentials(for: host) }
            switch section.text("tls") {
            case "disabled": settings.plainHTTP = true
            case "insecure":
                settings.comments.append(
                    "'tls: insecure': certificates are always checked; name the authority in ca_file"
                )
            default: break
            }
            if section.take("regcert") != nil {
                settings.comments.append("'regcert': write the certificate into a file and name it in ca_file")
            }
            if let hostname = section.text("hostname"), hostname != name, (try? RegistryHost(hostname)) != nil {
                settings.endpoint = "\(settings.plainHTTP ? "http" : "https")://\(hostname)"
            }
            if let limit = section.text("reqConcurrent").flatMap({ Int($0) }), limit > 0 {
                settings.maximumConnections = min(limit, RegistryOptions.mostConnections)
            }
            for mirror in section.take("mirrors")?.texts ?? [] {
                if let mirror = try? RegistryHost(mirror), mirror != host { settings.mirrors.append(mirror) }
            }
            settings.comments += section.leftovers(registryAdvice)
        }
    }

    private static let registryAdvice = [
        "credExpire": Section.needless, "repoAuth": Section.needless, "blobChunk": Section.needless,
        "blobMax": Section.needless, "priority": Section.needless,
        "reqPerSec": "has no counterpart; max_connections bounds the requests in flight, and 429 is waited for",
        "clientCert": "client certificates are not supported",
        "clientKey": "client certificates are not supported",
        "pathPrefix": "has no counterpart; write it into the sources",
    ]
}
