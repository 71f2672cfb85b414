import Glibc
import Lifecycle
import OCI
import Registry
import Sync
import YAML

/// Looks at what a configuration points at, for `--check`: files are read, programs are looked for, nothing is run.
struct FileCheck {
    let session: Session

    /// Everything that is wrong, each at the value that names it, in the file's order.
    func problems() async throws -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        for mention in session.configuration.mentions.sorted(by: { $0.position < $1.position }) {
            switch mention.kind {
            case .certificates: problems += try await certificates(mention)
            case .lifecycleData: problems += try await lifecycleData(mention)
            case .command: problems += program(mention)
            }
        }
        if !session.namesLifecycleFile {
            problems += try await lifecycleData(nil)
        }
        return problems
    }

    /// What is wrong with the certificates that hosts are reached with.
    func certificateProblems() async throws -> [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        for mention in session.configuration.mentions where mention.kind == .certificates {
            problems += try await certificates(mention)
        }
        return problems
    }

    private func problem(_ mention: Configuration.Mention?, _ message: String) -> ConfigurationProblem {
        ConfigurationProblem(
            file: session.file == "-" ? "<stdin>" : session.file,
            position: mention?.position ?? .start,
            path: mention?.path ?? "lifecycle.eol_data_file",
            message: message
        )
    }

    /// Why a file cannot be read; `nil` when it can.
    private static func unreadable(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return String(cString: strerror(errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return String(cString: strerror(errno)) }
        return status.st_mode & S_IFMT == S_IFDIR ? "Is a directory" : nil
    }

    private func certificates(_ mention: Configuration.Mention) async throws -> [ConfigurationProblem] {
        let path = session.configuration.resolve(mention.text)
        if let reason = Self.unreadable(path) {
            let text = "'\(path.displaySafe)' cannot be read: \(reason); paths lead from the configuration's directory"
            return [problem(mention, text)]
        }
        let host = RegistryHost.dockerHub
        var registries = RegistryConfiguration(logger: session.logger)
        registries.hosts = [host: HostSettings(caFile: path)]
        registries.credentials = session.credentials
        do {
            try await RegistryClient.with(registries) { _ in }
            return []
        } catch is RegistryConfigurationError {
            let text =
                "'\(path.displaySafe)' holds no certificates: it must be a PEM file, '-----BEGIN CERTIFICATE-----'"
            return [problem(mention, text)]
        }
    }

    /// A file that is not there yet is written by the first run, unless nobody is to be asked; where none is named, it is
    /// the usual one.
    private func lifecycleData(_ mention: Configuration.Mention?) async throws -> [ConfigurationProblem] {
        guard mention != nil || session.configuration.entries.contains(where: { $0.lifecycle != nil }) else {
            return []
        }
        do {
            guard try await session.lifecycleFile.read() == nil else { return [] }
            guard session.configuration.lifecycle.provider == .local else { return [] }
            let path = session.lifecycleFile.path.displaySafe
            let text = "'\(path)' is not there, and 'eol_provider: local' asks nobody else; write it, or leave that out"
            return [problem(mention, text)]
        } catch let error as ConfigurationError {
            return error.problems
        } catch let error as FileError {
            return [problem(mention, "\(error)")]
        }
    }

    private func program(_ mention: Configuration.Mention) -> [ConfigurationProblem] {
        guard let name = HookProgram(command: mention.text).name else { return [] }
        switch HookProgram.look(for: name, path: session.environment["PATH"]) {
        case .there: return []
        case .absent where name.contains("/"):
            return [
                problem(mention, "there is no program '\(name.displaySafe)'; paths lead from where imglife is started")
            ]
        case .absent:
            let text = "no program '\(name.displaySafe)' is in PATH; install it, or write its whole path"
            return [problem(mention, text)]
        case .notExecutable(let path):
            return [problem(mention, "'\(path.displaySafe)' is not executable; 'chmod +x' makes it so")]
        }
    }
}
