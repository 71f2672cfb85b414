import NIOCore
import OCI
import TestSupport

/// What tests of referrers do: mirror `app` from one registry to another, each with or without the referrers interface.
protocol ReferrerMirroring {}

extension ReferrerMirroring {
    var repository: RepositoryName { "app" }
    var mirrored: RepositoryName { "mirrors/app" }

    func entry(
        _ source: ScriptedRegistry,
        _ target: ScriptedRegistry,
        _ more: String = "tag: v1",
        from repository: String = "app",
        to mirrored: String = "mirrors/app"
    ) -> String {
        "source: '\(source.host)/\(repository)', target: '\(target.host)/\(mirrored)', referrers: true, \(more)"
    }

    func between(
        interfaceAt source: Bool,
        _ target: Bool,
        _ body: (ScriptedRegistry, ScriptedRegistry) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { from in
            from.options.referrersAPI = source
            try await ScriptedRegistry.with { to in
                to.options.referrersAPI = target
                try await body(from, to)
            }
        }
    }

    /// Keeps a list of referrers as registries without the interface do.
    ///
    /// - Returns: its text.
    @discardableResult
    func list(
        _ referrers: [SampleImage],
        of subject: Digest,
        at registry: ScriptedRegistry,
        in name: RepositoryName? = nil
    ) throws -> String {
        let entries = referrers.map { referrer in
            #"{"mediaType":"\#(referrer.top.mediaType)","digest":"\#(referrer.digest)","size":\#(referrer.top.size)}"#
        }
        let text = #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":\#(JSONText.array(entries))}"#
        registry.store.put(.init(string: text), as: .ociIndex, in: name ?? repository, tag: try subject.referrersTag)
        return text
    }
}
