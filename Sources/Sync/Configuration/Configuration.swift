package import Lifecycle
package import OCI
package import YAML

/// Everything that `imglife.yaml` says, validated, with the defaults merged into the entries.
///
/// Values as far as one file can decide them: flags and environment variables that override them are the command
/// line's. Paths are kept as they were written; ``resolve(_:)`` makes them usable.
package struct Configuration: Sendable {
    /// In the file's order; empty where nothing is copied.
    package var entries: [Entry] = []
    /// `sync.hooks`: what runs around all entries.
    package var hooks: [HookContext.Event: [Hook]] = [:]
    package var cache = CacheOptions()
    /// How to reach the hosts that the file says something about; docker.io's aliases are folded.
    package var registries: [RegistryHost: RegistryOptions] = [:]
    package var lifecycle = LifecycleOptions()
    /// What was accepted but deserves a word, in the order of their positions.
    package var warnings: [ConfigurationProblem] = []
    /// What the file names outside of itself, in the order in which it was read.
    package var mentions: [Mention] = []
    /// Where the file lies, without a slash at the end; `.` for streams and bare names.
    package var directory: String

    /// A value that names a file, or a command with the program that it runs.
    package struct Mention: Hashable, Sendable {
        /// Which key's value it is.
        package enum Kind: String, Sendable {
            case certificates = "ca_file"
            case lifecycleData = "eol_data_file"
            case command = "cmd"
        }

        package let kind: Kind
        package let text: String
        package let position: SourcePosition
        /// Such as `registries.a.io.ca_file`.
        package let path: String

        init?(_ field: Field) {
            guard case .scalar(let text, _) = field.node.content,
                let kind = field.path.split(separator: ".").last.flatMap({ Kind(rawValue: String($0)) })
            else { return nil }
            (self.kind, self.text, position, path) = (kind, text, field.position, field.path)
        }
    }

    /// A configuration that says nothing: what holds without a file.
    package init(directory: String = ".") {
        self.directory = directory
    }

    /// The platforms that each of the other entries wants of a tag of the same source, as far as names tell who selects it.
    func platforms(besides entry: Int, of tag: TagName) -> [[PlatformPattern]] {
        entries.indices.filter { $0 != entry && entries[$0].source == entries[entry].source && entries[$0].names(tag) }
            .map { entries[$0].platforms }
    }

    /// Whether one of the entries gives an image a target's tag, and says so by its name.
    func write(_ tag: TagName, at target: RepositoryReference) -> Bool {
        entries.contains { entry in
            guard case .tag(let name) = entry.selection else { return false }
            return name == tag && entry.target.withoutUsualPort == target.withoutUsualPort
        }
    }

    /// A path of the file as seen from the working directory: relative ones lie beside the configuration file.
    package func resolve(_ path: String) -> String {
        path.hasPrefix("/") || directory == "." ? path : "\(directory)/\(path)"
    }
}
