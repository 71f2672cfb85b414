import OCI
import Registry

/// The environment of a hook's shell.
///
/// The inherited one without registry secrets and without any hook variable that a surrounding run may have set; then
/// the variables of the context. `IMGLIFE_SOURCE`, `IMGLIFE_TARGET` and `IMGLIFE_REPORT` are set only when there is one.
struct HookEnvironment {
    /// Linux refuses to start a program with a variable of more than 128 KiB.
    static let maximumTagBytes = 100_000

    let variables: [String: String]
    /// How many of the context's tags `IMGLIFE_TAGS` has no room for.
    let omittedTags: Int

    init(inherited: [String: String], context: HookContext) {
        var variables = inherited.filter { Self.mayInherit($0.key) }
        let tags = Self.fittingTags(of: context)
        omittedTags = context.tags.count - tags.count
        variables["IMGLIFE_HOOK"] = context.event.rawValue
        variables["IMGLIFE_STATUS"] = context.hasFailed ? "failure" : "success"
        variables["IMGLIFE_SOURCE"] = context.source?.description
        variables["IMGLIFE_TARGET"] = context.target?.description
        variables["IMGLIFE_TAGS"] = tags.joined(separator: " ")
        variables["IMGLIFE_SYNCED"] = String(context.synced)
        variables["IMGLIFE_UP_TO_DATE"] = String(context.upToDate)
        variables["IMGLIFE_ERRORS"] = String(context.errors)
        variables["IMGLIFE_DURATION_SECONDS"] = Self.seconds(context.duration)
        variables["IMGLIFE_REPORT"] = context.report
        self.variables = variables
    }

    private static let names: Set<String> = [
        "IMGLIFE_HOOK", "IMGLIFE_STATUS", "IMGLIFE_SOURCE", "IMGLIFE_TARGET", "IMGLIFE_TAGS", "IMGLIFE_SYNCED",
        "IMGLIFE_UP_TO_DATE", "IMGLIFE_ERRORS", "IMGLIFE_DURATION_SECONDS", "IMGLIFE_REPORT",
    ]

    private static func mayInherit(_ name: String) -> Bool { !CredentialStore.reads(name) && !names.contains(name) }

    private static func fittingTags(of context: HookContext) -> [String] {
        var bytes = 0
        return context.tags.map(\.description).prefix { tag in
            bytes += tag.utf8.count + 1
            return bytes <= maximumTagBytes
        }
    }

    /// Seconds with one decimal, as the summary shows them: `4.2`.
    private static func seconds(_ duration: Duration) -> String {
        let tenths = max(.zero, duration) / .milliseconds(100)
        return "\(Int64(tenths.rounded()) / 10).\(Int64(tenths.rounded()) % 10)"
    }
}
