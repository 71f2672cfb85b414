import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// An export of two repositories, three tags and two platforms, as other programs read it.
@Suite(.timeLimit(.minutes(10)))
struct ArchiveReaderTests {
    private static let architectures = ["amd64", "arm64"]
    private static let tags = ["app:1", "app:2", "other:1"]

    /// Programs that unpack layers need real ones.
    private static let images = Dictionary(
        uniqueKeysWithValues: tags.map { tag in
            let children = architectures.map { architecture in
                SampleImage.unpackable(
                    platform: Platform(os: "linux", architecture: architecture),
                    texts: ["base of \(architecture)", "\(tag) for \(architecture)"]
                )
            }
            return (tag, children)
        }
    )

    /// Exports all of it, and goes on with the archive's path and the names' prefix.
    private static func withArchive(
        _ more: [String] = [],
        only wanted: [String] = [],
        _ body: (Workspace, _ archive: String, _ place: String) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            for (tag, children) in images {
                let parts = tag.split(separator: ":")
                let image = SampleImage.index(of: children)
                upstream.load(image, repository: try RepositoryName("up/\(parts[0])"), tag: try TagName("\(parts[1])"))
            }
            try await Workspace.with { workspace async throws in
                try workspace.configure(
                    Entry(upstream.place("up/app"), to: upstream.place("down/app"), Entry.all),
                    Entry(upstream.place("up/other"), to: upstream.place("down/other"), Entry.all)
                )
                let references = wanted.map { upstream.place("up/") + $0 }
                let export = ["export", "-o", "a.tar", "--progress", "none"] + more + references
                let result = try await workspace.launch([Workspace.program] + export)
                #expect(result.status == 0, "\(result.errors)")
                try await body(workspace, "\(workspace.path)/a.tar", upstream.place("up/"))
            }
        }
    }

    private static func top(_ tag: String) throws -> SampleImage { .index(of: try #require(images[tag])) }

    private static func child(_ tag: String, _ architecture: String = "amd64") throws -> SampleImage {
        try #require(images[tag]?.first { $0.platform?.architecture == architecture })
    }

    private static func config(_ image: SampleImage) throws -> Digest {
        try #require(image.blobs.first).descriptor.digest
    }

    /// podman and buildah keep what they load apart from what the machine has.
    private static func storage(_ workspace: Workspace) -> [String] {
        ["--root", "\(workspace.path)/root", "--runroot", "\(workspace.path)/run", "--storage-driver", "vfs"]
    }

    @Test(
        "podman loads every tag; its images are the configs of linux/amd64, or of the platform that was exported",
        .requires(.root, .tool("podman")),
        arguments: [[], ["--platform", "linux/arm64"]]
    )
    func podman(platform: [String]) async throws {
        try await Self.withArchive(platform) { workspace, archive, place async throws in
            let common = Self.storage(workspace) + ["--cgroup-manager", "cgroupfs", "--events-backend", "none"]
            let loaded = try await Tool.check("podman", common + ["load", "-i", archive])
            #expect(loaded.lines.count { $0.hasPrefix("Loaded image: ") } == 3, "\(loaded.output)")
            for tag in Self.tags {
                let wanted = try Self.child(tag, platform.isEmpty ? "amd64" : "arm64")
                let format = ["image", "inspect", "--format", "{{.Id}}", place + tag]
                let identifier = try await Tool.check("podman", common + format)
                #expect(identifier.lines == [try Self.config(wanted).hex])
            }
        }
    }

    @Test(
        "podman loads an archive of a single image with the original digests",
        .requires(.root, .tool("podman"))
    )
    func podmanSingle() async throws {
        try await Self.withArchive(only: ["app:2"]) { workspace, archive, place async throws in
            let common = Self.storage(workspace) + ["--cgroup-manager", "cgroupfs", "--events-backend", "none"]
            try await Tool.check("podman", common + ["load", "-i", archive])
            let format = ["image", "inspect", "--format", "{{.RepoDigests}}", place + "app:2"]
            let inspected = try await Tool.check("podman", common + format)
            for digest in [try Self.top("app:2").digest, try Self.child("app:2").digest] {
                #expect(inspected.output.contains("\(digest)"), "\(inspected.output)")
            }
        }
    }

    @Test(
        "podman and buildah pull every tag out of the archive with the original digests of index, manifest and config",
        .requires(.root, .tool("podman"), .tool("buildah")),
        arguments: ["podman", "buildah"]
    )
    func pull(program: String) async throws {
        try await Self.withArchive { workspace, archive, place async throws in
            let common = Self.storage(workspace)
            for tag in Self.tags {
                let platform = ["--os", "linux", "--arch", "amd64"]
                let pulled = try await Tool.check(
                    program,
                    common + ["pull", "-q"] + platform + ["oci-archive:\(archive):\(place)\(tag)"]
                )
                let child = try Self.child(tag)
                #expect(pulled.lines == [try Self.config(child).hex])
                let list = ["images", "--digests", "--no-trunc", place + tag]
                let listing = try await Tool.check(program, common + list)
                #expect(listing.output.contains("\(try Self.top(tag).digest)"), "\(listing.output)")
                let format =
                    program == "podman"
                    ? ["image", "inspect", "--format", "{{.RepoDigests}}"]
                    : ["inspect", "--type", "image", "--format", "{{.FromImageDigest}}"]
                let inspected = try await Tool.check(program, common + format + [place + tag])
                #expect(inspected.output.contains("\(child.digest)"), "\(inspected.output)")
            }
        }
    }

    @Test(
        "skopeo copies every tag with all its platforms, and inspects either platform in docker's form",
        .requires(.tool("skopeo"))
    )
    func skopeo() async throws {
        try await Self.withArchive { workspace, archive, place async throws in
            for tag in Self.tags {
                let copy = "\(workspace.path)/\(tag.replacing(":", with: "-"))"
                try await Skopeo.copy("oci-archive:\(archive):\(place)\(tag)", "dir:\(copy)")
                let image = try Self.top(tag)
                #expect(try Files.read("\(copy)/manifest.json") == image.topBytes)
                for manifest in image.manifests.dropLast() {
                    let digest = manifest.descriptor.digest
                    #expect(Digest.of(try Files.read("\(copy)/\(digest.hex).manifest.json")) == digest)
                }
                for blob in image.blobs {
                    let digest = blob.descriptor.digest
                    #expect(Digest.of(try Files.read("\(copy)/\(digest.hex)")) == digest)
                }
            }
        }
        for architecture in Self.architectures {
            try await Self.withArchive(["--platform", "linux/\(architecture)"]) { _, archive, place async throws in
                for tag in Self.tags {
                    let raw = try await Skopeo.inspectRaw("docker-archive:\(archive):\(place)\(tag)")
                    let config = try JSONValue(parsing: raw)["config"]?["digest"]?.string
                    #expect(config == "\(try Self.config(try Self.child(tag, architecture)))")
                }
            }
        }
    }

    @Test("imglife reads it, and gives every tag its original digest")
    func imglife() async throws {
        try await Self.withArchive { workspace, _, place async throws in
            let result = try await workspace.run("--cache-dir", "other", "import", "a.tar", "--progress", "none")
            #expect(result.status == 0, "\(result.errors)")
            let expected = Dictionary(
                uniqueKeysWithValues: try Self.tags.map { (place + $0, try Self.top($0).digest) }
            )
            #expect(try CacheFiles(path: "\(workspace.path)/other").images() == expected)
        }
    }
}
