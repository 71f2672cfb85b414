import Logging
import NIOCore
import OCI
import Registry
import Sync
import TestSupport
import Testing

/// What is done with every profile, as source and as target.
enum ProfileRow: CaseIterable, Sendable {
    case fixedTag
    case regex
    case platforms
    case checkDigest
    case referrers
    case interrupted
    case secondRun
}

extension RegistryProfile {
    func expect(_ row: ProfileRow, as side: Side) async throws {
        let issuer = TokenIssuer(accounts: [user: "p4ss"])
        let store = RegistryStore()
        var configuration = ScriptedRegistry.Configuration()
        configuration.store = store
        configuration.tokenIssuer = issuer
        configuration.hostName = "localhost"
        try await ScriptedRegistry.with(configuration) { beside in
            configuration.hostName = "127.0.0.1"
            configuration.authentication = authentication(issuer, beside)
            try await ScriptedRegistry.with(configuration) { registry in
                let players = Players(registry: registry, beside: beside, issuer: issuer, side: side)
                try await ScriptedRegistry.with { other in
                    other.options.referrersAPI = true
                    try await MirrorRun.with { run in
                        try await ProfileStage(self, players, other: other, run: run).expect(row)
                    }
                }
            }
        }
    }
}

/// A profile's registry between an ordinary one and a run.
private struct ProfileStage {
    private let profile: RegistryProfile
    private let players: RegistryProfile.Players
    private let other: ScriptedRegistry
    private let run: MirrorRun
    private let image = SampleImage.multiPlatform()
    private let later = SampleImage.image(layers: [.init(seed: 99, size: 5000)])

    init(_ profile: RegistryProfile, _ players: RegistryProfile.Players, other: ScriptedRegistry, run: MirrorRun) {
        self.profile = profile
        self.players = players
        self.other = other
        var run = run
        let host = players.registry.host
        run.attempts = 3
        run.hosts[host] = profile.settings(players)
        let name = "IMGLIFE_" + host.description.map { $0.isLetter || $0.isNumber ? "\($0)" : "_" }.joined()
        run.credentials = [name + "_USERNAME": profile.user, name + "_PASSWORD": "p4ss"]
        self.run = run
    }

    private var isTarget: Bool { players.side == .target }
    private var source: ScriptedRegistry { isTarget ? other : players.registry }
    private var target: ScriptedRegistry { isTarget ? players.registry : other }
    private var origin: RepositoryName { isTarget ? "up/app" : profile.repository }
    private var mirrored: RepositoryName { isTarget ? profile.repository : "down/app" }
    /// Where what is pushed ends; the profile's registry and what is beside it share a store.
    private var held: RegistryStore { target.store }

    private func sync(_ selection: String) async throws -> [SyncReport.Status] {
        let report = try await run.run(
            "source: '\(source.host)/\(origin)', target: '\(target.host)/\(mirrored)', \(selection)"
        )
        let reasons = report.rows.compactMap(\.reason).joined(separator: "; ")
        if report.errors > 0 { run.log.logger.error("\(reasons)") }
        return report.rows.map(\.status)
    }

    private func isMirrored(_ image: SampleImage, as tag: TagName) -> Bool {
        held.digest(of: tag, in: mirrored) == image.digest && held.holds(image, repository: mirrored)
    }

    func expect(_ row: ProfileRow) async throws {
        source.load(image, repository: origin, tag: "v1")
        source.load(later, repository: origin, tag: "v2")
        switch row {
        case .fixedTag: try await copies("tag: v1", [("v1", image)])
        case .regex: try await copies("tag_regex: '^v'", [("v1", image), ("v2", later)])
        case .platforms: try await platforms()
        case .checkDigest: try await checkDigest()
        case .referrers: try await referrers()
        case .interrupted: try await interrupted()
        case .secondRun: try await secondRun()
        }
    }

    private func copies(_ selection: String, _ expected: [(TagName, SampleImage)]) async throws {
        profile.play(players)
        let statuses = try await sync(selection)
        #expect(statuses == expected.map { _ in .synced }, "\(run.log.text.suffix(2000))")
        for (tag, image) in expected { #expect(isMirrored(image, as: tag)) }
    }

    private func platforms() async throws {
        profile.play(players)
        let statuses = try await sync("tag: v1, platforms: [linux/arm64]")
        #expect(statuses == [.synced], "\(run.log.text.suffix(2000))")
        #expect(held.digest(of: "v1", in: mirrored) == image.manifests[1].descriptor.digest)
    }

    private func checkDigest() async throws {
        try await copies("tag: v1, check_digest: true", [("v1", image)])
        source.store.tag("v1", later.digest, in: origin)
        let statuses = try await sync("tag: v1, check_digest: true")
        #expect(statuses == [.synced], "\(run.log.text.suffix(2000))")
        #expect(isMirrored(later, as: "v1"))
    }

    /// The signature is listed by the interface, and under the tag that stands in for it.
    private func referrers() async throws {
        let signature = SampleImage.artifact(of: image.top)
        source.load(signature, repository: origin)
        let entry =
            #"{"mediaType":"\#(signature.top.mediaType)","digest":"\#(signature.digest)","size":\#(signature.top.size)}"#
        let list = #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[\#(entry)]}"#
        source.store.put(ByteBuffer(string: list), as: .ociIndex, in: origin, tag: try image.digest.referrersTag)
        try await copies("tag: v1, referrers: true", [("v1", image)])
        #expect(held.holds(signature, repository: mirrored))
    }

    /// Every large transfer breaks off in the first run; the second one goes on.
    private func interrupted() async throws {
        let isBroken = Watched(true)
        for registry in [source, target] + (isTarget ? [] : [players.beside]) {
            let broken: @Sendable (RecordedRequest) -> Bool = { _ in isBroken.value }
            registry.script(RequestMatch("GET", .blobs, times: nil, where: broken), .reset(afterBytes: 1000))
            registry.script(RequestMatch("PUT", .uploads, times: nil, where: broken), .resetUpload(afterBytes: 1000))
        }
        profile.play(players)
        let first = try await sync("tag: v1")
        #expect(first == [.failed])
        isBroken.update { $0 = false }
        let second = try await sync("tag: v1")
        #expect(second == [.synced], "\(run.log.text.suffix(2000))")
        #expect(isMirrored(image, as: "v1"))
    }

    private func secondRun() async throws {
        try await copies("tag_regex: '^v'", [("v1", image), ("v2", later)])
        for registry in [source, target] { registry.forgetRequests() }
        let statuses = try await sync("tag_regex: '^v'")
        let isOpaque = isTarget && profile.isSecretive
        #expect(statuses == (isOpaque ? [.synced, .synced] : [.upToDate, .upToDate]), "\(run.log.text.suffix(2000))")
        guard !isOpaque else { return }
        #expect(target.count("PUT") + target.count("POST") == 0)
        #expect(source.count(pathContains: "/blobs/") + source.count(pathContains: "/manifests/") == 0)
    }
}
