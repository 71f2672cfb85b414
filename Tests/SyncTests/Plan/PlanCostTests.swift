import OCI
import TestSupport
import Testing

@testable import Sync

/// What `imglife plan` says that a run would do and cost, against what the run then does.
@Suite(.timeLimit(.minutes(10)))
struct PlanCostTests {
    private static let image = SampleImage.multiPlatform(layerSize: 40_000)
    private static let sibling = SampleImage.image(layers: [
        .init(seed: 1000, size: 40_000), .init(seed: 77, size: 900),
    ])

    private func between(
        hub rows: [HubStandIn.Row]? = nil,
        _ body: (ScriptedRegistry, ScriptedRegistry, MirrorRun) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { source in
            if let rows { _ = HubStandIn(source, repository: "up/app", rows: rows) }
            try await ScriptedRegistry.with { target in
                try await MirrorRun.with(hub: rows == nil ? nil : source) { try await body(source, target, $0) }
            }
        }
    }

    private func decisions(_ plan: SyncPlan) -> [String] {
        plan.outcomes.flatMap { outcome -> [String] in
            guard case .planned(let plan) = outcome else { return ["failed"] }
            return plan.tags.map { tag in
                switch tag.decision {
                case .copy(_, let cause): "copy: \(cause.rawValue)"
                case .upToDate: "up to date"
                case .copyReferrers: "referrers"
                case .compare: "compare"
                case .undecided: "undecided"
                case .refused: "refused"
                }
            }
        }
    }

    @Test(
        "With manifests read, a plan's figures are what the run then counts",
        arguments: [
            ["tag_regex: '.'"], ["tag_regex: '.', platforms: [linux/amd64]"],
            ["tag_regex: '.', platforms: [linux/amd64, linux/arm64]"], ["tag: '1'"],
            ["tag_regex: '.'", "tag: '1'"], ["tag: '1', platforms: [linux/arm64]", "tag_regex: '.'"],
        ],
        [false, true]
    )
    func exact(entries: [String], isWarm: Bool) async throws {
        try await between { source, target, mirror in
            source.load(Self.image, repository: "up/app", tag: "1")
            source.load(Self.sibling, repository: "up/app", tag: "2")
            let lines = entries.enumerated().map { number, more in
                "source: '\(source.host)/up/app', target: '\(target.host)/down/app\(number)', \(more)"
            }
            if isWarm {
                _ = try await mirror.run("source: '\(source.host)/up/app', target: '\(target.host)/w', tag: '1'")
            }
            target.forgetRequests()
            let plan =
                lines.count == 1
                ? try await mirror.plan(lines[0], reading: true)
                : try await mirror.plan(lines[0], lines[1], reading: true)
            #expect(target.requests.allSatisfy { ["GET", "HEAD"].contains($0.method) })
            let before = target.store.tags(of: "down/app0")
            #expect(before.isEmpty)
            source.forgetRequests()
            let report = lines.count == 1 ? try await mirror.run(lines[0]) : try await mirror.run(lines[0], lines[1])
            #expect(report.errors == 0, "\(report.rows.compactMap(\.reason))")
            let costs = plan.costs
            #expect(costs.allSatisfy { $0.basis == .manifests } && costs.count == report.synced)
            #expect(costs.reduce(0) { $0 + $1.download } == report.bytes.downloaded)
            #expect(
                costs.reduce(0) { $0 + $1.push } + costs.reduce(0) { $0 + $1.mount }
                    == report.bytes.pushed + report.bytes.mounted
            )
            let read = source.requests.count { $0.method == "GET" && $0.path.contains("/manifests/") }
            #expect(costs.reduce(0) { $0 + $1.manifests } == read)
        }
    }

    @Test("A plan reads no manifest unless it is told to, writes nothing, and says what it does not know")
    func modest() async throws {
        try await between { source, target, mirror in
            source.load(Self.image, repository: "up/app", tag: "1")
            let entry = "source: '\(source.host)/up/app', target: '\(target.host)/down/app', tag_regex: '.'"
            let plan = try await mirror.plan(entry, cached: false)
            #expect(decisions(plan) == ["copy: absent"])
            #expect(plan.costs == [CopyCost(.unknown, manifests: 1)])
            #expect(!source.requests.contains { $0.method == "GET" && $0.path.contains("/manifests/") })
            #expect(target.requests.allSatisfy { ["GET", "HEAD"].contains($0.method) })
            #expect(!Files.exists(mirror.cacheDirectory))
        }
    }

    @Test(
        "Docker Hub's list tells sizes, and how many manifests will be read, by platform",
        arguments: [
            ([String](), 1000 + 500, 3), (["linux/amd64"], 1000, 2), (["linux/arm64"], 500, 2),
        ]
    )
    func listed(platforms: [String], bytes: Int64, manifests: Int) async throws {
        var row = HubStandIn.Row("1", digest: Self.image.digest)
        row.listed = [("linux", "amd64", 1000), ("linux", "arm64", 500)]
        try await between(hub: [row]) { source, target, mirror in
            source.load(Self.image, repository: "up/app", tag: "1")
            let entry =
                "source: docker.io/up/app, target: '\(target.host)/down/app', tag_regex: '.', platforms: \(platforms)"
            let plan = try await mirror.plan(entry.replacing("\"", with: "'"), cached: false)
            var expected = CopyCost(.listing, manifests: manifests)
            (expected.download, expected.push) = (bytes, bytes)
            #expect(plan.costs == [expected])
            #expect(!source.requests.contains { $0.path.contains("/manifests/") })
        }
    }

    @Test("What the target has is compared as a run does, and what only manifests tell stays open without them")
    func compared() async throws {
        try await between { source, target, mirror in
            source.load(Self.image, repository: "up/app", tag: "1")
            source.load(Self.sibling, repository: "up/app", tag: "2")
            target.load(Self.image, repository: "down/app", tag: "1")
            target.load(Self.image, repository: "down/app", tag: "2")
            let entry = "source: '\(source.host)/up/app', target: '\(target.host)/down/app', tag_regex: '.'"
            #expect(decisions(try await mirror.plan(entry, cached: false)) == ["up to date", "up to date"])
            let checked = entry + ", check_digest: true"
            #expect(decisions(try await mirror.plan(checked, cached: false)) == ["copy: digest differs", "up to date"])
            let one = checked + ", platforms: [linux/amd64]"
            #expect(decisions(try await mirror.plan(one, cached: false)) == ["compare", "compare"])
            let exact = try await mirror.plan(one, reading: true, cached: false)
            #expect(decisions(exact) == ["copy: digest differs", "copy: digest differs"])
        }
    }

    @Test("What a run would fail with fails in a plan: a tag or a repository that is gone, platforms that no image has")
    func failing() async throws {
        try await between { source, target, mirror in
            source.load(Self.image, repository: "up/app", tag: "1")
            let to = "target: '\(target.host)/down/app'"
            let gone = try await mirror.plan("source: '\(source.host)/up/app', \(to), tag: '3'", cached: false)
            #expect(decisions(gone) == ["refused"] && gone.failures == 1)
            let absent = try await mirror.plan("source: '\(source.host)/up/no', \(to), tag_regex: '.'", cached: false)
            #expect(decisions(absent) == ["failed"] && absent.failures == 1)
            let other = "source: '\(source.host)/up/app', \(to), tag: '1', platforms: [linux/s390x]"
            #expect(decisions(try await mirror.plan(other, reading: true, cached: false)) == ["refused"])
        }
    }

    @Test("A signature that came later is told when manifests are read")
    func referrers() async throws {
        try await between { source, target, mirror in
            source.options.referrersAPI = true
            source.load(Self.image, repository: "up/app", tag: "1")
            let entry = "source: '\(source.host)/up/app', target: '\(target.host)/down/app', tag: '1', referrers: true"
            _ = try await mirror.run(entry)
            #expect(decisions(try await mirror.plan(entry, reading: true)) == ["up to date"])
            source.load(.artifact(of: Self.image.top), repository: "up/app")
            #expect(decisions(try await mirror.plan(entry, reading: true)) == ["referrers"])
        }
    }

    @Test("A tag is explained rule by rule")
    func explained() async throws {
        try await between { source, target, mirror in
            for tag in ["3.1", "3.2", "3.3", "edge"] as [TagName] {
                source.load(Self.sibling, repository: "up/app", tag: tag)
            }
            let entry =
                "source: '\(source.host)/up/app', target: '\(target.host)/down/app', tag_regex: '^3', keep_last: 2"
            for (tag, last) in [
                ("3.1", "keep_last: 2: leaves it out"), ("edge", "tag_regex: '^3': leaves it out"),
                ("3.3", "keep_last: 2: keeps it"), ("4", "does not list it"),
            ] {
                let reference = try ImageReference("\(source.host)/up/app:\(tag)")
                let plan = try await mirror.plan(entry, cached: false, explaining: reference)
                guard case .planned(let planned) = plan.outcomes[0] else { throw MirrorRun.Unplanned() }
                #expect(planned.explanation.last?.contains(last) == true, "\(planned.explanation)")
            }
        }
    }
}

extension MirrorRun {
    struct Unplanned: Error {}
}
