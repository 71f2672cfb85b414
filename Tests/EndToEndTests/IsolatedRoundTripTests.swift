import Glibc
import OCI
import TestSupport
import Testing

/// The whole way between real registries; the far side has no network but loopback.
@Suite(
    .requires(.ownNetwork, .tool("docker-registry")),
    .timeLimit(.minutes(10))
)
struct IsolatedRoundTripTests {
    /// Two platforms each; all share their first layer.
    private static let images = (1...3).map { number in
        let platforms = [Platform(os: "linux", architecture: "amd64"), Platform(os: "linux", architecture: "arm64")]
        return SampleImage.index(
            of: platforms.enumerated().map { position, platform in
                let own = SampleImage.Layer(seed: UInt64(10 * number + position), size: 90_000)
                return .image(platform: platform, layers: [.init(seed: 1, size: 120_000), own])
            }
        )
    }

    /// The far side's registry listens where nobody else can: the network is its own.
    private static let farRegistry = "127.0.0.1:5000"

    private static func digests(_ images: some Sequence<SampleImage>) -> Set<Digest> {
        Set(images.flatMap { $0.blobs + $0.manifests }.map(\.descriptor.digest))
    }

    /// Both sides' files, and the one configuration that both use.
    private struct Sides {
        let workspace: Workspace

        private var storage: String { "\(workspace.path)/registry/docker/registry/v2" }

        init(_ workspace: Workspace, source: String) throws {
            self.workspace = workspace
            try workspace.configure(Entry(source, to: "\(farRegistry)/down/app", Entry.all))
            try Files.makeDirectory("\(workspace.path)/media")
            let registry = """
                version: 0.1
                storage: {filesystem: {rootdirectory: '\(workspace.path)/registry'}}
                http: {addr: '\(farRegistry)'}
                """
            try Files.write(registry, to: "\(workspace.path)/registry.yml")
        }

        /// Exports on the near side what the configuration selects; returns the digests of the archive's blobs.
        func export(_ name: String, _ more: String...) async throws -> Set<Digest> {
            let arguments = ["--cache-dir", "near", "export", "-o", "media/\(name)", "--progress", "none"] + more
            let result = try await workspace.launch([Workspace.program] + arguments)
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            let listing = try await Tool.check("tar", ["-tf", "\(workspace.path)/media/\(name)"])
            return Set(
                try listing.lines.filter { $0.hasPrefix("blobs/") && !$0.hasSuffix("/") }.map { line in
                    try Digest(line.dropFirst("blobs/".count).replacing("/", with: ":"))
                }
            )
        }

        /// Imports an archive, writes the receipt and pushes, all without a network.
        func deliver(_ name: String) async throws -> ToolResult {
            let script = """
                set -e
                ip link set lo up
                test "$(ip -o -4 addr | wc -l)" = 1
                docker-registry serve registry.yml >registry.log 2>&1 & registry=$!
                trap "kill $registry" EXIT
                "$imglife" --cache-dir far import "media/\(name)" --receipt media/held.json --progress none
                "$imglife" --cache-dir far sync --offline --progress none
                """
            let result = try await workspace.shell(
                "export imglife; exec unshare -n sh -c '\(script)'",
                environment: [
                    "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "IMGLIFE_RETRY_ATTEMPTS": "50",
                    "IMGLIFE_RETRY_INITIAL_DELAY": "100ms", "IMGLIFE_RETRY_BACKOFF": "1",
                ]
            )
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            return result
        }

        /// Expects the far registry to hold some images by their original digests, down to every byte.
        func expectDelivered(_ images: some Sequence<SampleImage>) throws {
            let repository = "\(storage)/repositories/down/app/_manifests"
            for (number, image) in images.enumerated() {
                #expect(try Files.text("\(repository)/tags/1.\(number)/current/link") == image.digest.description)
                for manifest in image.manifests {
                    let hex = manifest.descriptor.digest.hex
                    #expect(Files.exists("\(repository)/revisions/sha256/\(hex)/link"))
                }
            }
            for digest in digests(images) {
                let bytes = try Files.read("\(storage)/blobs/sha256/\(digest.hex.prefix(2))/\(digest.hex)/data")
                #expect(Digest.of(bytes) == digest)
            }
        }
    }

    @Test("Two tags cross the gap with their digests; of a third one the second archive holds the new blobs only")
    func roundTrip() async throws {
        try await ExternalRegistry.with { upstream async throws in
            for (number, image) in Self.images.dropLast().enumerated() {
                try await upstream.push(image, repository: "up/app", tag: TagName("1.\(number)"))
            }
            try await Workspace.with { workspace async throws in
                let sides = try Sides(workspace, source: upstream.place("up/app"))
                let old = Self.digests(Self.images.dropLast())
                #expect(try await sides.export("first.tar") == old)
                #expect(try await sides.deliver("first.tar").counts == [2, 2, 0, 0])
                try sides.expectDelivered(Self.images.dropLast())

                try await upstream.push(Self.images[2], repository: "up/app", tag: "1.2")
                let new = Self.digests(Self.images.suffix(1)).subtracting(old)
                #expect(new.count == 7)
                #expect(try await sides.export("second.tar", "--since", "media/held.json") == new)
                #expect(try await sides.deliver("second.tar").counts == [3, 1, 2, 0])
                try sides.expectDelivered(Self.images)
            }
        }
    }
}
