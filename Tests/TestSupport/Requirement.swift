import Glibc
package import Testing

/// What a test needs of the machine that it runs on.
///
/// Where it is missing the test is skipped, and says so. With `IMGLIFE_TESTS_STRICT=1`, as continuous integration sets
/// it, it fails instead: what was not run is not green.
package enum Requirement: Sendable {
    /// A program in `PATH`.
    case tool(String)
    case root
    /// Mounting file systems in a namespace of its own, which takes root, unshare and a kernel that lets it.
    case mounting
    /// A network of its own with nothing but loopback.
    case ownNetwork
    /// Terminals for programs: `/dev/ptmx`.
    case pseudoTerminal

    /// Whether nothing may be skipped.
    package static let isStrict = getenv("IMGLIFE_TESTS_STRICT").map { String(cString: $0) } == "1"

    package func isMet() async -> Bool {
        switch self {
        case .tool(let name): Tool.isInstalled(name)
        case .root: geteuid() == 0
        case .mounting: await Self.succeeds("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])
        case .ownNetwork: await Self.succeeds("unshare", ["-n", "ip", "link", "set", "lo", "up"])
        case .pseudoTerminal: access("/dev/ptmx", R_OK | W_OK) == 0
        }
    }

    private static func succeeds(_ program: String, _ arguments: [String]) async -> Bool {
        guard geteuid() == 0, Tool.isInstalled(program) else { return false }
        return (try? await Tool.run(program, arguments))?.status == 0
    }
}

extension Requirement: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tool(let name): name
        case .root: "root"
        case .mounting: "the right to mount (root and unshare)"
        case .ownNetwork: "a network namespace (root, unshare and ip)"
        case .pseudoTerminal: "/dev/ptmx"
        }
    }
}

/// A requirement that is not met where nothing may be skipped.
package struct MissingRequirement: Error, CustomStringConvertible {
    let requirement: Requirement

    package var description: String { "needs \(requirement), and IMGLIFE_TESTS_STRICT=1 lets no test be skipped" }
}

extension Trait where Self == ConditionTrait {
    /// Runs a test or suite only where all of this is there; see ``Requirement``.
    package static func requires(
        _ requirements: Requirement...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> Self {
        let names = requirements.map(\.description).joined(separator: ", ")
        return .enabled("needs \(names)", sourceLocation: sourceLocation) {
            for requirement in requirements where await !requirement.isMet() {
                if Requirement.isStrict { throw MissingRequirement(requirement: requirement) }
                return false
            }
            return true
        }
    }
}
