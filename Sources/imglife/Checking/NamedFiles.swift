import Serve

/// Files that a command's own options name, which `--check` looks at as well.
enum NamedFiles {
    /// What is wrong with them, one line each.
    static func troubles(of command: (any Subcommand)?) -> [String] {
        switch command {
        case let sync as SyncCommand:
            return sync.repetition.metricsFile.map { path in told { try MetricsFile(path: path).check() } } ?? []
        case let serve as ServeCommand:
            let tls = serve.tlsCert.flatMap { certificate in
                serve.tlsKey.map { TLSFiles(certificate: certificate, key: $0) }
            }
            return AccessFiles(passwords: serve.htpasswd, tls: tls).troubles()
        case let export as ExportCommand:
            return export.sign.map { key in told { _ = try ArchiveKeyFile.signingKey(key) } } ?? []
        case let command as ImportCommand:
            return command.keys.flatMap { key in told { _ = try ArchiveKeyFile.verificationKey(key) } }
        default: return []
        }
    }

    private static func told(_ attempt: () throws -> Void) -> [String] {
        do {
            try attempt()
            return []
        } catch {
            return ["\(error)"]
        }
    }
}
