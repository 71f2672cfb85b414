import OCI
import TestSupport
import Testing

/// What somebody sees who looks after the cache, with several tags, repositories and a signature in it.
@Suite(.timeLimit(.minutes(10)))
struct CacheForPeopleTests {
    private static let big = SampleImage.image(layers: [.init(seed: 5, size: 300_000)], labels: ["team": "blue"])

    private static func with(_ body: (FilledCache) async throws -> Void) async throws {
        try await FilledCache.with { registry in
            for tag in ["1.9.0", "1.10.0", "1.2", "edge"] as [TagName] {
                registry.load(.image(labels: ["tag": "\(tag)"]), repository: "up/app", tag: tag)
            }
            registry.load(big, repository: "up/tool", tag: "2.0")
            registry.load(big, repository: "up/tool", tag: "stable")
            let signature = SampleImage.artifact(of: big.top)
            registry.load(signature, repository: "up/tool", tag: try TagName("sha256-\(big.digest.hex).sig"))
        } _: {
            try await body($0)
        }
    }

    private static func names(_ result: ToolResult, _ filled: FilledCache) -> [String] {
        result.output.split(separator: "\n").dropFirst().map { line in
            String(line.prefix { $0 != " " }).replacing("\(filled.host)/", with: "")
        }
    }

    @Test("ls is sorted by repository and version, numbers stand on the right, and every line says all")
    func table() async throws {
        try await Self.with { filled async throws in
            let list = try await filled.run("ls")
            let signature = "up/tool:sha256-\(Self.big.digest.hex).sig"
            #expect(
                Self.names(list, filled) == [
                    "up/app:1.10.0", "up/app:1.9.0", "up/app:1.2", "up/app:1.0", "up/app:edge", "up/tool:2.0",
                    "up/tool:stable", signature,
                ],
                "\(list.output)"
            )
            let lines = list.output.split(separator: "\n").map(String.init)
            let end = try #require(lines[0].firstRange(of: "UNIQUE")?.upperBound)
            let width = lines[0].distance(from: lines[0].startIndex, to: end)
            for line in lines.dropFirst() {
                #expect(line.dropFirst(width - 1).first == "B" && line.dropFirst(width).first == " ", "\(line)")
            }
            let tool = lines.filter { $0.contains("up/tool:2.0") || $0.contains("up/tool:stable") }
            #expect(tool.count == 2 && tool.allSatisfy { $0.contains("  linux/amd64") })
            #expect(!list.output.contains("″"))
        }
    }

    @Test("ls of more than a page has every name once, below one header")
    func pages() async throws {
        try await FilledCache.with { registry in
            for number in 1...130 { registry.load(Self.big, repository: "up/many", tag: try TagName("2.\(number)")) }
        } _: { filled in
            let list = try await filled.run("ls")
            let names = Self.names(list, filled)
            #expect(names.filter { $0.hasPrefix("up/many") } == (1...130).reversed().map { "up/many:2.\($0)" })
            #expect(list.output.split(separator: "\n").count { $0.hasPrefix("IMAGE") } == 1)
            let some = try await filled.program(["cache", "ls", "*/many:2.10*", "--sort", "size"])
            #expect(
                Set(Self.names(some, filled))
                    == Set(["10"].map { "up/many:2.\($0)" } + (100...109).map { "up/many:2.\($0)" })
            )
        }
    }

    @Test(
        "ls shows what patterns pick, by whatever spelling",
        arguments: [
            (["HOST/up/tool:2.0"], 1), (["HOST/up/app"], 5), (["*/app:1.1*", "*:stable"], 2), (["*"], 8),
            (["*/none*"], 0),
        ]
    )
    func patterns(patterns: [String], count: Int) async throws {
        try await Self.with { filled async throws in
            let words = patterns.map { $0.replacing("HOST", with: filled.host) }
            let list = try await filled.program(["cache", "ls"] + words)
            #expect(Self.names(list, filled).count == count, "\(list.output)")
            #expect(list.errors.contains("no name in the cache is like that") == (count == 0))
            let json = try await filled.program(["cache", "ls", "--output", "json"] + words)
            let images = try JSONValue(parsing: json.stdout)["images"]?.elements?.count
            #expect(images == (patterns == ["*"] ? 7 : patterns[0] == "*/app:1.1*" ? 2 : count))
        }
    }

    @Test("ls --sort size begins with the largest, and --digests says what names stand for")
    func order() async throws {
        try await Self.with { filled async throws in
            let bySize = try await filled.run("ls", "--sort", "size", "--digests")
            #expect(
                Array(Self.names(bySize, filled).prefix(2)) == ["up/tool:2.0", "up/tool:stable"],
                "\(bySize.output)"
            )
            #expect(bySize.output.components(of: "\(Self.big.digest)").count == 2)
            let byAge = try await filled.run("ls", "--sort", "age")
            #expect(Self.names(byAge, filled).count == 8)
        }
    }

    @Test("rm takes patterns, foresees without removing, and names what is not there")
    func remove() async throws {
        try await Self.with { filled async throws in
            let foreseen = try await filled.run("rm", "--dry-run", "*/app:1.1*", "*/none:*")
            #expect(foreseen.status == 1)
            #expect(foreseen.output == "would remove \(filled.host)/up/app:1.10.0\n")
            #expect(foreseen.errors == "error: what '*/none:*' matches is not in the cache\n")
            #expect(Self.names(try await filled.run("ls"), filled).count == 8)
            let removed = try await filled.run("rm", "*/app:1.*")
            #expect(removed.status == 0)
            #expect(
                removed.output.hasPrefix("removed \(filled.host)/up/app:1.0\nremoved \(filled.host)/up/app:1.10.0\n")
            )
            #expect(removed.output.contains(" kept until 2"))
            #expect(Self.names(try await filled.run("ls"), filled).count == 4)
        }
    }

    @Test("stats tells where the cache is, what limits it, what is free, and when it was verified")
    func stats() async throws {
        try await FilledCache.with { filled async throws in
            try Files.write("cache: {max_size: 3GiB, min_free: 7MiB}", to: "\(filled.path)/imglife.yaml")
            let before = try await filled.run("stats").output
            #expect(before.contains("\nLimit (max_size)       3.0 GiB\n"), "\(before)")
            #expect(before.contains("\nKept free (min_free)   7.0 MiB\n"))
            #expect(before.contains("\nFree on the disk "))
            #expect(before.contains("\nPath: \(filled.path)/store\n"))
            #expect(before.hasSuffix("\nNever verified: 'imglife cache verify' hashes every blob\n"))
            #expect(try await filled.run("verify").status == 0)
            let blobs = filled.image.blobs.count + filled.image.manifests.count
            let after = try await filled.run("stats").output
            #expect(after.contains(/\nLast verification: 2[0-9-]+T[0-9:]+Z, [0-9]+ blobs, 0 bad\n/), "\(after)")
            #expect(after.contains("Z, \(blobs) blobs"))
        }
    }

    @Test("inspect shows an image with its layers, labels, referrers, names and history")
    func inspect() async throws {
        try await Self.with { filled async throws in
            let shown = try await filled.program(["inspect", "\(filled.host)/up/tool:2.0"])
            #expect(shown.status == 0, "\(shown.errors)")
            let text = shown.output.replacing(filled.host, with: "HOST")
            #expect(text.hasPrefix("Name          HOST/up/tool:2.0\nDigest        \(Self.big.digest)\n"), "\(text)")
            for line in [
                "In the cache  whole", "From          HOST/up/tool", "Also named    HOST/up/tool:stable", "Layers",
                "Labels",
                "  team=blue", "Referrers", "History",
            ] {
                #expect(text.contains("\(line)\n"), "\(line) in \(text)")
            }
            for layer in Self.big.blobs where layer.descriptor.size == 300_000 {
                #expect(text.contains("293.0 KiB  \(layer.descriptor.digest)\n"))
            }
            let several = try await filled.program(["inspect", "\(filled.host)/up/app:1.0"]).output
            #expect(
                several.contains("\nlinux/arm64/v8  ") && several.contains("\nLayers of linux/amd64\n"),
                "\(several)"
            )
            let byDigest = try await filled.program(["inspect", "\(filled.host)/up/tool@\(Self.big.digest)"])
            #expect(byDigest.status == 0 && !byDigest.output.contains("History"))
            let missing = try await filled.program(["inspect", "alpine:9"])
            #expect(missing.status == 1)
            #expect(
                missing.errors
                    == "error: docker.io/library/alpine:9 is not in the cache; 'imglife cache ls' lists what is\n"
            )
            for name in ["tool:big", "\(filled.host)/up/tool:none"] {
                let near = try await filled.program(["inspect", name])
                let advice = "is not in the cache; 'imglife cache ls \(filled.host)/up/tool' lists what is\n"
                #expect(near.status == 1 && near.errors.hasSuffix(advice), "\(near.errors)")
            }
        }
    }
}

extension String {
    fileprivate func components(of text: String) -> [Range<Index>] { ranges(of: text) }
}
