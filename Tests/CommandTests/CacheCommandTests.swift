import Cache
import NIOCore
import OCI
import TestSupport
import Testing

/// The commands as a user runs them, on a cache that a run has filled.
@Suite(.timeLimit(.minutes(10)))
struct CacheCommandTests {
    @Test("What was pulled by its digest is a name that rm forgets: as ls prints it, or by a glob")
    func pulledByDigest() async throws {
        try await FilledCache.with { filled async throws in
            let place = "\(filled.host)/up/app"
            let name = "\(place)@\(filled.image.digest)"
            for pattern in [name, "*@*", "*/app*"] {
                try await ContentCache.with(CacheConfiguration(directory: "\(filled.path)/store")) {
                    cache async throws in
                    let digest = Reference.digest(filled.image.digest)
                    try await cache.names.recordPulled(digest, of: RepositoryReference(place), as: filled.image.top)
                }
                #expect(try await filled.run("ls").output.contains(name))
                #expect(try await filled.run("stats").output.contains("\nPulled by digest             1\n"))
                let removed = try await filled.run("rm", pattern)
                #expect(removed.status == 0 && removed.output.contains("removed \(name)\n"), "\(removed.errors)")
                #expect(try await !filled.run("ls").output.contains(name))
                let again = try await filled.run("rm", name)
                #expect(again.status == 1 && again.errors == "error: \(name) is not in the cache\n")
            }
            #expect(try await filled.run("gc", "--grace", "0s").output.hasSuffix("\n0 B are left\n"))
            for wrong in [place, "\(place):1.0@\(filled.image.digest)"] {
                let refused = try await filled.run("rm", wrong)
                #expect(refused.status == 64 && refused.errors.contains("must name either a tag or a digest"))
            }
        }
    }

    @Test("stats, ls, verify, rm and gc say what they find and do, as text and as JSON")
    func everyday() async throws {
        try await FilledCache.with { filled async throws in
            let reference = "\(filled.host)/up/app:1.0"
            let blobs = filled.image.blobs.count + filled.image.manifests.count
            let stats = try await filled.run("stats")
            #expect(stats.status == 0, "\(stats.errors)")
            #expect(stats.output.hasPrefix("Tags                         1\nPulled by digest             0\nBlobs"))
            #expect(try await filled.run("stats", "--output", "json").output.contains("\"blobs\" : \(blobs),"))

            let list = try await filled.run("ls")
            #expect(list.output.hasPrefix("IMAGE "))
            #expect(list.output.contains("\(reference)  "))
            #expect(list.output.hasSuffix("  linux/amd64,linux/arm64/v8\n"))
            let document = try await filled.run("ls", "--output", "json").output
            #expect(document.contains("\"digest\" : \"\(filled.image.digest)\""))
            #expect(document.contains("\"shared_bytes\" : 0"))
            #expect(
                document.hasPrefix("{\n  \"images\" : [\n    {\n      \"digest\" : ")
                    && document.hasSuffix("\n    }\n  ],\n  \"version\" : 1\n}\n")
            )
            #expect(try JSONValue(parsing: ByteBuffer(string: document))["images"]?.elements?.count == 1)

            let sound = try await filled.run("verify")
            #expect(sound.status == 0)
            #expect(sound.output.hasPrefix("verified \(blobs) blobs, ") && sound.output.hasSuffix("; 0 bad\n"))

            #expect(try await filled.run("gc", "--grace", "0s").output.hasPrefix("removed 0 blobs, 0 B\n"))
            let removed = try await filled.run("rm", reference)
            let size = ByteCount(filled.bytes)
            let kept = "removed \(reference)\n\(blobs) blobs, \(size), are not needed and kept until "
            #expect(removed.output.hasPrefix(kept), "\(removed.output)")
            #expect(
                removed.output.hasSuffix("'imglife cache gc' removes them then; '--grace 0s' removes them at once\n")
            )
            let again = try await filled.run("rm", reference)
            #expect(again.status == 1)
            #expect(again.errors == "error: \(reference) is not in the cache\n")

            let idle = try await filled.run("gc").output
            #expect(idle.hasPrefix("removed 0 blobs, 0 B\n"))
            #expect(idle.contains("\(blobs) blobs, \(size), are not needed and kept until 2"))
            let foreseen = try await filled.run("gc", "--grace", "0s", "--dry-run", "--output", "json")
            #expect(foreseen.output.contains("\"blobs\" : \(blobs),") && foreseen.output.contains("\"dry_run\" : true"))
            let collected = try await filled.run("gc", "--grace", "0s")
            #expect(collected.output.hasPrefix("removed \(blobs) blobs, "))
            #expect(collected.output.hasSuffix("\n0 B are left\n"))
            let empty = try await filled.run("ls", "--output", "json").output
            #expect(empty == "{\n  \"images\" : [\n\n  ],\n  \"version\" : 1\n}\n")
            #expect(try Files.list("\(filled.path)/store/blobs/sha256") == [])
        }
    }

    @Test("verify ends with 1 and names the tags when a bit has flipped")
    func damaged() async throws {
        try await FilledCache.with { filled async throws in
            let layer = try #require(filled.image.blobs.first { $0.descriptor.size == 40_000 }).descriptor.digest
            let path = "\(filled.path)/store/blobs/sha256/\(layer.hex)"
            var bytes = try Files.read(path)
            bytes.setInteger(~(bytes.getInteger(at: 7, as: UInt8.self) ?? 0), at: 7)
            try Files.remove(path)
            try Files.write(bytes, to: path)
            let result = try await filled.run("verify")
            #expect(result.status == 1)
            #expect(result.output.hasPrefix("damaged \(layer): \(filled.host)/up/app:1.0\n"))
            #expect(!Files.exists(path))
        }
    }

    @Test("gc with a limit removes the image and its tag")
    func limit() async throws {
        try await FilledCache.with { filled async throws in
            let result = try await filled.run("gc", "--grace", "0s", "--max-size", "1KiB")
            #expect(result.output.hasPrefix("removed \(filled.host)/up/app:1.0\nremoved "))
            #expect(try await filled.run("ls").output == "IMAGE  UNIQUE  SHARED  USED  PLATFORMS\n")
        }
    }

    @Test("gc with a limit that is not reached says what is kept, and why")
    func limitNotReached() async throws {
        try await FilledCache.with { filled async throws in
            let size = "\(ByteCount(filled.bytes))"
            let recent = try await filled.run("gc", "--max-size", "1KiB")
            #expect(
                recent.output
                    == "removed 0 blobs, 0 B\n\(size) are left, more than the limit of 1.0 KiB: what was used "
                    + "within 2h00m and what running commands need is kept\n"
            )
            let sync = ["--config", "\(filled.path)/sync.yaml", "cache", "gc", "--grace", "0s", "--max-size", "1KiB"]
            let selected = try await filled.program(sync + ["--dry-run"])
            #expect(
                selected.output == "would remove 0 blobs, 0 B\n\(size) would be left, more than the limit of 1.0 KiB: "
                    + "what is needed by tags that entries select and what running commands need is kept\n"
            )
            let reached = try await filled.run("gc", "--max-size", "1MiB")
            #expect(reached.output == "removed 0 blobs, 0 B\n\(size) are left\n")
        }
    }

    @Test(
        "Bad usage ends with 64",
        arguments: [["rm", "alpine"], ["rm"], ["gc", "--max-size", "much"], ["gc", "--grace", "-"]]
    )
    func usage(arguments: [String]) async throws {
        let result = try await Tool.run(Tool.builtProduct("imglife"), ["cache"] + arguments)
        #expect(result.status == 64, "\(result.output)\(result.errors)")
    }

    @Test("Without a configuration the cache is looked for in its usual place, and not made")
    func nowhere() async throws {
        try await TemporaryDirectory.with { path async throws in
            let command = ["--chdir=\(path)", "--", Tool.builtProduct("imglife"), "cache", "stats"]
            let result = try await Tool.run(
                "env",
                command,
                environment: ["PATH": "/usr/bin:/bin"],
                inheritsEnvironment: false
            )
            #expect(result.status == 1)
            #expect(result.errors.contains("var/cache"))
            #expect(try Files.list(path).isEmpty)
        }
    }
}
