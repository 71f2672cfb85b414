import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// `cache verify --repair` on a cache that a run has filled.
@Suite(.timeLimit(.minutes(10)))
struct RepairTests {
    private static func spoil(_ digest: Digest, in mirror: Mirror) throws {
        let path = "\(mirror.workspace.cache)/blobs/sha256/\(digest.hex)"
        var bytes = try Files.read(path)
        bytes.setInteger(~(bytes.getInteger(at: 0, as: UInt8.self) ?? 0), at: 0)
        try Files.remove(path)
        try Files.write(bytes, to: path)
    }

    private static func remove(_ digest: Digest, in mirror: Mirror) throws {
        try Files.remove("\(mirror.workspace.cache)/blobs/sha256/\(digest.hex)")
    }

    private static func expectSound(_ mirror: Mirror, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let result = try await mirror.workspace.run("cache", "verify")
        #expect(result.status == 0, "\(result.output)\(result.errors)", sourceLocation: sourceLocation)
        let count = mirror.image.blobs.count + mirror.image.manifests.count
        #expect(result.output.hasPrefix("verified \(count) blobs, "), sourceLocation: sourceLocation)
    }

    @Test("Every blob and manifest that is damaged or missing is fetched again from where it came", arguments: [0, 1])
    func everything(parity: Int) async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let all = (mirror.image.blobs + mirror.image.manifests).map(\.descriptor.digest)
            for (position, digest) in all.enumerated() {
                if position % 2 == parity {
                    try Self.spoil(digest, in: mirror)
                } else {
                    try Self.remove(digest, in: mirror)
                }
            }
            let result = try await mirror.workspace.run("cache", "verify", "--repair")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.hasSuffix("; \(all.count) bad, \(all.count) repaired, 0 unrepaired\n"), "\(result)")
            #expect(result.output.contains(": \(mirror.upstream.place("up/app")):1; repaired from "))
            try await Self.expectSound(mirror)
        }
    }

    @Test("What upstream has no more is fetched from the target")
    func target() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            mirror.upstream.store.remove("up/app")
            try Self.spoil(mirror.layer, in: mirror)
            try Self.remove(mirror.image.digest, in: mirror)
            let result = try await mirror.workspace.run("cache", "verify", "--repair", "--output", "json")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("\"detail\" : \"\(mirror.target.place("down/app"))\""), "\(result.output)")
            #expect(result.output.contains("\"repaired\" : 2,") && result.output.contains("\"unrepaired\" : 0"))
            try await Self.expectSound(mirror)
        }
    }

    @Test("What a repair cannot do without is looked for before anything is hashed")
    func unusable() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            try Self.spoil(mirror.layer, in: mirror)
            let configuration = "\(mirror.workspace.path)/imglife.yaml"
            let text = String(buffer: try Files.read(configuration))
            try Files.write(text + "registries: {x.example.com: {ca_file: none.pem}}\n", to: configuration)
            let result = try await mirror.workspace.run("cache", "verify", "--repair")
            #expect(result.status == 78, "\(result.output)\(result.errors)")
            #expect(try Files.list("\(mirror.workspace.cache)/quarantine") == [])
        }
    }

    @Test("What nobody has any more is told with the tags that lack it, and ends with 1")
    func nowhere() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            mirror.upstream.store.remove("up/app")
            mirror.target.store.remove("down/app")
            try Self.spoil(mirror.layer, in: mirror)
            let result = try await mirror.workspace.run("cache", "verify", "--repair")
            #expect(result.status == 1)
            let tag = "\(mirror.upstream.place("up/app")):1"
            #expect(result.output.hasPrefix("damaged \(mirror.layer): \(tag); not repaired: "), "\(result.output)")
            #expect(result.output.hasSuffix("; 1 bad, 0 repaired, 1 unrepaired\n"))
            let again = try await mirror.workspace.run("cache", "verify", "--repair")
            #expect(again.status == 1)
            #expect(again.output.hasPrefix("missing \(mirror.layer): \(tag); not repaired: "), "\(again.output)")
        }
    }

    @Test("A blob that cannot be put aside because somebody else is at it is told, and others are repaired")
    func busy() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let config = mirror.image.blobs[0].descriptor.digest
            try #require(config.hex.prefix(2) != mirror.layer.hex.prefix(2))
            for digest in [config, mirror.layer] { try Self.spoil(digest, in: mirror) }
            let lock = open("\(mirror.workspace.cache)/locks/\(mirror.layer.hex.prefix(2))", O_RDWR | O_CREAT, 0o600)
            defer { close(lock) }
            try #require(flock(lock, LOCK_EX | LOCK_NB) == 0)
            let result = try await mirror.workspace.run("cache", "verify", "--repair", "--lock-timeout", "100ms")
            #expect(result.status == 1)
            let tag = "\(mirror.upstream.place("up/app")):1"
            let lines = result.output.split(separator: "\n")
            #expect(
                lines.contains(
                    "damaged \(mirror.layer): \(tag); not repaired: the damaged file could not be put aside; the log says why"
                ),
                "\(result)"
            )
            #expect(lines.last?.hasSuffix("; 2 bad, 1 repaired, 1 unrepaired") == true, "\(result)")
            #expect(result.errors.contains("a damaged blob could not be put aside"), "\(result.errors)")
        }
    }

    @Test("Without a configuration the places where things came from are asked")
    func anonymous() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            try Self.spoil(mirror.layer, in: mirror)
            try Files.remove("\(mirror.workspace.path)/imglife.yaml")
            let result = try await mirror.workspace.run("cache", "verify", "--repair", "--cache-dir", "var/cache")
            #expect(result.status == 0, "\(result.output)\(result.errors)")
            #expect(result.output.contains("repaired from \(mirror.upstream.place("up/app"))\n"))
        }
    }
}
