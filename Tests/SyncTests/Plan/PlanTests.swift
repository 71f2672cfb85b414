import Cache
import NIOCore
import OCI
import Sync
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct PlanTests {
    private static let one = SampleImage.image(labels: ["n": "1"])
    private static let other = SampleImage.image(labels: ["n": "2"])

    private func between(_ body: (ScriptedRegistry, ScriptedRegistry, MirrorRun) async throws -> Void) async throws {
        try await ScriptedRegistry.with { source in
            try await ScriptedRegistry.with { target in
                try await MirrorRun.with { try await body(source, target, $0) }
            }
        }
    }

    private func entry(_ source: ScriptedRegistry, _ name: String, _ target: ScriptedRegistry, _ more: String) -> String
    {
        "source: '\(source.host)/up/\(name)', target: '\(target.host)/down/app', \(more)"
    }

    @Test(
        "Two entries that want different images under one tag both fail, and nothing is written there",
        arguments: [
            ("tag: '1.0'", "tag_regex: '^1'"), ("tag_regex: '^1'", "tag_regex: '.'"),
            ("tag_regex: '^1', check_digest: true", "tag_regex: '0', os_normalize: true"),
        ]
    )
    func conflict(first: String, second: String) async throws {
        try await between { source, target, mirror in
            source.load(Self.one, repository: "up/a", tag: "1.0")
            source.load(Self.other, repository: "up/b", tag: "1.0")
            source.load(Self.other, repository: "up/b", tag: "2.0")
            let entries = [entry(source, "a", target, first), entry(source, "b", target, second)]
            for _ in 1...2 {
                let report = try await mirror.run(entries[0], entries[1])
                let failed = report.rows.filter { $0.status == .failed }
                #expect(failed.map(\.entry) == [0, 1] && failed.allSatisfy { $0.targetTag == "1.0" })
                for row in failed {
                    #expect(row.reason?.contains("different images for one tag, \(target.host)/down/app:1.0") == true)
                    #expect(row.reason?.contains("(sync.entries[0]) and ") == true)
                }
                #expect(target.store.tags(of: "down/app")["1.0"] == nil)
            }
        }
    }

    @Test("The others of such an entry go on, and so does what another target gets")
    func others() async throws {
        try await between { source, target, mirror in
            source.load(Self.one, repository: "up/a", tag: "1.0")
            source.load(Self.other, repository: "up/b", tag: "1.0")
            source.load(Self.other, repository: "up/b", tag: "1.1")
            let report = try await mirror.run(
                entry(source, "a", target, "tag_regex: '.'"),
                entry(source, "b", target, "tag_regex: '.'"),
                "source: '\(source.host)/up/b', target: '\(target.host)/down/else', tag: '1.0'"
            )
            #expect(report.errors == 2 && report.synced == 2)
            #expect(target.store.tags(of: "down/app") == ["1.1": Self.other.digest])
            #expect(target.store.tags(of: "down/else") == ["1.0": Self.other.digest])
        }
    }

    @Test("The same image under one tag is no error, wherever it comes from")
    func agreement() async throws {
        try await between { source, target, mirror in
            source.load(Self.one, repository: "up/a", tag: "1.0")
            source.load(Self.one, repository: "up/b", tag: "1.0")
            let report = try await mirror.run(
                entry(source, "a", target, "tag_regex: '.'"),
                entry(source, "b", target, "tag: '1.0'")
            )
            #expect(report.errors == 0 && report.managed == 2)
            #expect(target.store.tags(of: "down/app") == ["1.0": Self.one.digest])
        }
    }

    @Test(
        "While one of two tags for one name cannot be read nothing is written there, in a dry run neither",
        arguments: ["tag: '1.0'", "tag_regex: '.'", "tag_regex: '.', check_digest: true"],
        [["a"], ["b"], ["a", "b"]]
    )
    func untoldConflict(selection: String, unreadable: [String]) async throws {
        try await between { source, target, mirror async throws in
            source.load(Self.one, repository: "up/a", tag: "1.0")
            source.load(Self.other, repository: "up/b", tag: "1.0")
            source.load(Self.other, repository: "up/b", tag: "1.1")
            for name in unreadable {
                source.script(RequestMatch(nil, .containing("/up/\(name)/manifests/1.0"), times: nil), .status(500))
            }
            let entries = [entry(source, "a", target, selection), entry(source, "b", target, "tag_regex: '.'")]
            for report in [try await mirror.foresee(entries[0], entries[1]), try await mirror.run(entries)] {
                let failed = report.rows.filter { $0.status == .failed }
                #expect(failed.map(\.targetTag) == ["1.0", "1.0"] && report.synced == 1)
                #expect(
                    failed.map { $0.reason?.hasPrefix("it cannot be told whether ") }
                        == ["a", "b"].map { !unreadable.contains($0) }
                )
            }
            #expect(target.store.tags(of: "down/app") == ["1.1": Self.other.digest])
        }
    }

    @Test("A tag that is gone is in no other's way, nor is one that cannot be read in the way of what is up to date")
    func noConflict() async throws {
        try await between { source, target, mirror async throws in
            source.load(Self.one, repository: "up/a", tag: "1.1")
            source.load(Self.other, repository: "up/b", tag: "1.0")
            let entries = [entry(source, "a", target, "tag: '1.0'"), entry(source, "b", target, "tag_regex: '.'")]
            #expect(try await mirror.run(entries).rows.map(\.status) == [.failed, .synced])
            source.script(RequestMatch(nil, .containing("/up/a/manifests/"), times: nil), .status(500))
            #expect(try await mirror.run(entries).upToDate == 2)
        }
    }

    @Test("Two tags of an entry that os_normalize gives one name are an error of both, unless they are one image")
    func normalized() async throws {
        try await between { source, target, mirror in
            source.load(Self.one, repository: "up/a", tag: "alpine3.21-1.22")
            source.load(Self.other, repository: "up/a", tag: "1.22-alpine3.21")
            source.load(Self.one, repository: "up/a", tag: "1.23-alpine3.21")
            source.load(Self.one, repository: "up/a", tag: "alpine3.21-1.23")
            let report = try await mirror.run(entry(source, "a", target, "tag_regex: '.', os_normalize: true"))
            #expect(report.errors == 2 && report.synced == 2)
            #expect(target.store.tags(of: "down/app") == ["1.23-alpine3.21": Self.one.digest])
            let reason = report.rows.first { $0.status == .failed }?.reason
            #expect(reason?.contains("os_normalize gives them one name: select only one of them") == true)
        }
    }

    @Test("The version of an image in an index within an index is found, online and from the cache")
    func nestedVersion() async throws {
        try await between { source, target, mirror in
            let image = SampleImage.image(labels: ["org.opencontainers.image.version": "1.23.4"])
            source.load(.index(of: [.index(of: [image])]), repository: "up/a", tag: "bookworm")
            var isolated = mirror
            isolated.isOffline = true
            for run in [mirror, isolated] {
                let report = try await run.run(entry(source, "a", target, "tag_regex: '.', os_normalize: true"))
                #expect(report.rows.map(\.targetTag) == ["1.23-bookworm"])
            }
        }
    }

    @Test(
        "A dry run tells of platforms that the image lacks, as the run does, whether it is an index or not",
        arguments: [SampleImage.multiPlatform(), .image()]
    )
    func lackingPlatforms(image: SampleImage) async throws {
        try await between { source, target, mirror in
            source.load(image, repository: "up/a", tag: "1.0")
            let entry = entry(source, "a", target, "tag: '1.0', platforms: [linux/amd64, linux/s390x]")
            let warnings = ["the image lacks the platform linux/s390x"]
            let (foreseen, done) = (try await mirror.foresee(entry), try await mirror.run(entry))
            #expect(foreseen.rows.map(\.warnings) == [warnings])
            #expect(done.rows.map(\.warnings) == [warnings])
            let told = mirror.log.text.split(separator: "\n").filter { $0.contains(warnings[0]) }
            #expect(told.count == 2 && told.allSatisfy { $0.contains("\(source.host)/up/a:1.0") }, "\(told)")
        }
    }

    private static let unreadable = [
        #"{"architecture":"arm64","os":"linux","config":{"Labels":{"by":"Ren\udce9"}}}"#,
        #"{"architecture":"arm64","os":"linux","x":1,"x":2}"#,
        #"{"architecture":"arm64","os":"linux","history":"\#(String(repeating: "x", count: 4 << 20))"}"#,
        String(repeating: #"{"a":"#, count: 70) + "1" + String(repeating: "}", count: 70),
    ]

    @Test(
        "An image whose config cannot be read is copied whatever platforms are asked for, with a warning in a dry run too",
        arguments: unreadable.indices
    )
    func unreadableConfig(position: Int) async throws {
        try await between { source, target, mirror in
            let config = source.store.putBlob(ByteBuffer(string: Self.unreadable[position]), in: "up/a")
            let manifest = """
                {"schemaVersion":2,"mediaType":"\(MediaType.ociManifest)","layers":[],"config":{"mediaType":"\(MediaType.ociConfig)",\
                "digest":"\(config.digest)","size":\(config.size)}}
                """
            source.store.put(ByteBuffer(string: manifest), as: .ociManifest, in: "up/a", tag: "1.0")
            let entry = entry(
                source,
                "a",
                target,
                "tag: '1.0', platforms: [linux/amd64], check_digest: true"
            )
            for report in [try await mirror.foresee(entry), try await mirror.run(entry)] {
                #expect(report.rows.map(\.status) == [.synced])
                let warnings = report.rows.flatMap(\.warnings)
                #expect(
                    warnings.count == 1
                        && warnings[0].contains("\(config.digest) does not tell its platform: ")
                )
            }
            #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
        }
    }

    @Test(
        "A list fails for a fixed tag that is gone where a run does: not while the target has it and need not follow",
        arguments: [(true, "", 0), (true, ", check_digest: true", 1), (false, "", 1)]
    )
    func listedAndGone(isAtTarget: Bool, more: String, failures: Int) async throws {
        try await between { source, target, mirror async throws in
            source.load(Self.one, repository: "up/a", tag: "2")
            if isAtTarget { target.load(Self.one, repository: "down/app", tag: "1") }
            let entry = entry(source, "a", target, "tag: '1'\(more)")
            #expect(try await mirror.list(entry).failures == failures)
            #expect(try await mirror.foresee(entry).errors == failures)
            #expect(try await mirror.run(entry).errors == failures)
        }
    }

    @Test("A list asks the target for nothing where the source has a fixed tag")
    func listedAndThere() async throws {
        try await between { source, target, mirror async throws in
            source.load(Self.one, repository: "up/a", tag: "1")
            #expect(try await mirror.list(entry(source, "a", target, "tag: '1'")).failures == 0)
            #expect(target.requests.isEmpty && source.requests.count { $0.path.contains("/manifests/") } == 1)
        }
    }

    @Test("A dry run puts nothing into the cache, whether it decides by a config, a date or a digest")
    func keepsNothing() async throws {
        try await between { source, target, mirror in
            source.load(Self.one, repository: "up/a", tag: "1.0")
            source.load(Self.other, repository: "up/a", tag: "1.1")
            _ = try await mirror.run(entry(source, "b", target, "tag: none"))
            let entry = entry(
                source,
                "a",
                target,
                "tag_regex: '.', keep_last: 1, platforms: [linux/amd64], os_normalize: true, check_digest: true"
            )
            #expect(try await mirror.foresee(entry).rows.map(\.status) == [.synced])
            _ = try await mirror.plan(entry, reading: true)
            #expect(try await mirror.withCache { try await $0.inventory.usage().blobs } == 0)
            #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
            _ = try await mirror.foresee(entry)
        }
    }

    @Test("What is no version has its version from an index's first image, where the index does not tell it")
    func versionOfFirstImage() async throws {
        try await between { source, target, mirror in
            var first = Self.one
            first.descriptorAnnotations = ["org.opencontainers.image.version": "1.22.3"]
            source.load(.index(of: [first]), repository: "up/a", tag: "alpine")
            let report = try await mirror.run(entry(source, "a", target, "tag_regex: '.', os_normalize: true"))
            #expect(report.rows.map(\.targetTag) == ["1.22-alpine"])
        }
    }

    @Test("An image's version is the one of its annotation, and its label's where there is none")
    func versionOfAnnotation() async throws {
        try await between { source, target, mirror in
            let key = "org.opencontainers.image.version"
            let image = SampleImage.image(labels: [key: "1.1.0"], annotations: [key: "1.2.0"])
            source.load(image, repository: "up/a", tag: "alpine")
            let report = try await mirror.run(entry(source, "a", target, "tag_regex: '.', os_normalize: true"))
            #expect(report.rows.map(\.targetTag) == ["1.2-alpine"])
        }
    }

    @Test("A collection keeps all that dates would choose from")
    func undated() async throws {
        try await between { source, target, mirror async throws in
            for (tag, year) in [("old", "2021"), ("new", "2023")] as [(TagName, String)] {
                source.load(.image(created: "\(year)-01-01T00:00:00Z"), repository: "up/a", tag: tag)
            }
            #expect(try await mirror.run(entry(source, "a", target, "tag_regex: '.'")).synced == 2)
            let one = entry(source, "a", target, "tag_regex: '.', keep_last: 1")
            let configuration = try Configuration(yaml: "sync: {entries: [{\(one)}]}", file: "imglife.yaml")
            let options = try await mirror.withCache { try await CollectionOptions(of: configuration, for: $0) }
            #expect(options.pins.count == 2)
        }
    }

    @Test("The date of an artifact is the one that its annotation tells, and that of an index its first image's")
    func datesOfOthers() async throws {
        try await between { source, target, mirror in
            let years = ["old": "2021", "new": "2023"]
            for (tag, year) in years {
                let date = ["org.opencontainers.image.created": "\(year)-01-01T00:00:00Z"]
                let artifact = SampleImage.artifact(of: Self.one.top, content: tag, annotations: date)
                source.load(artifact, repository: "up/artifact", tag: try TagName(tag))
                // The attestation's own config is of 2024.
                let image = SampleImage.image(created: "\(year)-01-01T00:00:00Z")
                let inner = tag == "old" ? [SampleImage.attestation(of: image), image] : [image]
                source.load(.index(of: inner), repository: "up/index", tag: try TagName(tag))
            }
            for name in ["artifact", "index"] {
                let report = try await mirror.run(entry(source, name, target, "tag_regex: '.', keep_last: 1"))
                #expect(report.rows.map(\.targetTag) == ["new"], "\(name)")
            }
        }
    }

    @Test("A tag whose version cannot be read fails alone, instead of being kept under a wrong name for ever")
    func unreadableVersion() async throws {
        try await between { source, target, mirror in
            source.load(Self.one, repository: "up/a", tag: "alpine3.21")
            source.load(Self.other, repository: "up/a", tag: "2.0")
            source.script(RequestMatch(nil, .manifest("alpine3.21"), times: nil), .status(500))
            let report = try await mirror.run(entry(source, "a", target, "tag_regex: '.', os_normalize: true"))
            #expect(report.rows.map(\.status) == [.synced, .failed])
            #expect(target.store.tags(of: "down/app") == ["2.0": Self.other.digest])
        }
    }

    @Test("A fixed tag reads one page of a target's tags, not all of them")
    func fixedTag() async throws {
        try await between { source, target, mirror in
            source.load(Self.one, repository: "up/a", tag: "1.0")
            for number in 1...2500 { target.load(Self.other, repository: "down/app", tag: try TagName("t\(number)")) }
            let report = try await mirror.run(entry(source, "a", target, "tag: '1.0'"))
            #expect(report.rows.map(\.status) == [.synced])
            #expect(target.count("GET", pathContains: "/tags/list") == 1)
        }
    }

    @Test("A listing by Docker Hub that names another digest than its registry gives does not copy for ever")
    func wrongListing() async throws {
        try await ScriptedRegistry.with { hub async throws in
            try await ScriptedRegistry.with { target async throws in
                hub.load(Self.one, repository: "library/alpine", tag: "3.21")
                _ = HubStandIn(hub, rows: [.init("3.21", digest: Self.other.digest)])
                try await MirrorRun.with(hub: hub) { mirror async throws in
                    let entry =
                        "source: docker.io/alpine, target: '\(target.host)/a', tag_regex: '.', check_digest: true"
                    #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
                    hub.forgetRequests()
                    #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
                    #expect(hub.count("GET", pathContains: "/manifests/") == 0)
                }
            }
        }
    }

    @Test("A source whose HEAD names another digest than its GET gives is read, and copied once")
    func wrongHead() async throws {
        try await between { source, target, mirror in
            source.load(Self.one, repository: "up/a", tag: "1.0")
            source.script(
                RequestMatch("HEAD", .manifest("1.0"), times: nil),
                .header("Docker-Content-Digest", "\(Self.other.digest)")
            )
            let entry = entry(source, "a", target, "tag: '1.0', check_digest: true")
            #expect(try await mirror.run(entry).rows.map(\.status) == [.synced])
            #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
            #expect(target.count("PUT", pathContains: "/manifests/") == 1)
            let plan = try await mirror.plan(entry, reading: true)
            guard case .planned(let planned)? = plan.outcomes.first,
                case .upToDate(Self.one.digest)? = planned.tags.first?.decision
            else {
                Issue.record("\(plan)")
                return
            }
        }
    }
}
