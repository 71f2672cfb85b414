import NIOCore
import OCI
import Sync
import TestSupport
import Testing

/// One target repository into which several sources give what refers to the same image.
@Suite(.timeLimit(.minutes(2)))
struct SharedReferrersTests: ReferrerMirroring {
    private let image = SampleImage.image()
    private var shared: SampleImage { .artifact(of: image.top) }

    private func lists(_ artifact: SampleImage, _ target: ScriptedRegistry) throws -> Bool {
        guard let list = target.store.manifest(try image.digest.referrersTag, in: mirrored) else { return false }
        return String(buffer: list.bytes.buffer).contains(artifact.digest.hex)
    }

    /// Two repositories that list the same of one image, each listing something of its own too, at a registry without the
    /// interface or with it.
    private func shared(
        atTarget hasInterface: Bool,
        _ body: (MirrorRun, ScriptedRegistry, ScriptedRegistry, _ entries: [String]) async throws -> Void
    ) async throws {
        try await between(interfaceAt: true, hasInterface) { source, target in
            for name: RepositoryName in ["a", "b"] {
                source.load(image, repository: name, tag: try TagName("\(name)"))
                source.load(shared, repository: name)
                source.load(.artifact(of: image.top, content: "\(name)"), repository: name)
            }
            let entries = ["a", "b"].map { entry(source, target, "tag: \($0)", from: $0) }
            try await MirrorRun.with { mirror async throws in try await body(mirror, source, target, entries) }
        }
    }

    @Test("What one source withdraws stays listed until no other gives it, in configurations of their own too")
    func withdrawnByOne() async throws {
        try await shared(atTarget: false) { mirror, source, target, entries async throws in
            for _ in 0..<2 { for entry in entries { #expect(try await mirror.run(entry).errors == 0) } }
            source.store.remove(shared.digest, from: "a")
            for _ in 0..<3 {
                for entry in entries {
                    #expect(try await mirror.run(entry).errors == 0)
                    #expect(try lists(shared, target))
                }
            }
            for entry in entries { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
            source.store.remove(shared.digest, from: "b")
            for entry in entries { #expect(try await mirror.run(entry).errors == 0) }
            #expect(try !lists(shared, target))
            for name in ["a", "b"] { #expect(try lists(.artifact(of: image.top, content: name), target)) }
            target.forgetRequests()
            for entry in entries { #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate]) }
            #expect(target.count("PUT") == 0)
        }
    }

    @Test("What all sources withdraw at once is listed no more after one run")
    func withdrawnByAll() async throws {
        try await shared(atTarget: false) { mirror, source, target, entries async throws in
            #expect(try await mirror.run(entries).errors == 0)
            #expect(try await mirror.run(entries).errors == 0)
            for name: RepositoryName in ["a", "b"] { source.store.remove(shared.digest, from: name) }
            #expect(try await mirror.run(entries).errors == 0)
            #expect(try !lists(shared, target))
        }
    }

    @Test("Where a target lists by itself, that something stays is told once, when no source gives it any more")
    func told() async throws {
        try await shared(atTarget: true) { mirror, source, target, entries async throws in
            for _ in 0..<2 { for entry in entries { #expect(try await mirror.run(entry).errors == 0) } }
            var warnings: [[String]] = []
            for name: RepositoryName in ["b", "a"] {
                source.store.remove(shared.digest, from: name)
                warnings.append([])
                for _ in 0..<3 {
                    for entry in entries {
                        warnings[warnings.count - 1] += try await mirror.run(entry).rows.flatMap(\.warnings)
                    }
                }
            }
            #expect(warnings.map(\.count) == [0, 1], "\(warnings)")
        }
    }

    @Test("What a source was to give, and never gave, holds no withdrawal back")
    func announcedAlone() async throws {
        try await between(interfaceAt: true, false) { source, target in
            for name in ["a", "b"] { source.load(image, repository: try RepositoryName(name), tag: try TagName(name)) }
            source.load(shared, repository: "a")
            let entries = ["a", "b"].map { entry(source, target, "tag: \($0)", from: $0) }
            try await MirrorRun.with { mirror async throws in
                target.script(RequestMatch("PUT", .manifest("\(shared.digest)")), .error(403, "DENIED"))
                #expect(try await mirror.run(entries[0]).errors == 1)
                source.store.remove(shared.digest, from: "a")
                source.load(shared, repository: "b")
                for _ in 0..<2 { for entry in entries { #expect(try await mirror.run(entry).errors == 0) } }
                #expect(try lists(shared, target))
                source.store.remove(shared.digest, from: "b")
                for entry in entries { #expect(try await mirror.run(entry).errors == 0) }
                #expect(try !lists(shared, target))
            }
        }
    }

    @Test("What is withdrawn is listed no more where it never came to the cache")
    func neverHere() async throws {
        try await between(interfaceAt: true, false) { source, target in
            source.load(image, repository: repository, tag: "v1")
            source.load(shared, repository: repository)
            let entry = entry(source, target)
            try await MirrorRun.with { _ = try await $0.run(entry) }
            // The target has all of it, so nothing is downloaded again.
            try await MirrorRun.with { mirror async throws in
                for _ in 0..<2 { #expect(try await mirror.run(entry).errors == 0) }
                #expect(try lists(shared, target))
                source.store.remove(shared.digest, from: repository)
                #expect(try await mirror.run(entry).errors == 0)
                #expect(try !lists(shared, target))
                #expect(try await mirror.run(entry).rows.map(\.status) == [.upToDate])
            }
        }
    }

    @Test("What a source lists later that another has given before is not sent again, and stays when that withdraws it")
    func listedLater() async throws {
        try await between(interfaceAt: true, false) { source, target in
            for name: RepositoryName in ["a", "b"] { source.load(image, repository: name, tag: "v1") }
            source.load(shared, repository: "a")
            let entries = ["a", "b"].map { self.entry(source, target, "tag: v1", from: $0) }
            try await MirrorRun.with { mirror async throws in
                for _ in 0..<2 { for entry in entries { _ = try await mirror.run(entry) } }
                source.load(shared, repository: "b")
                target.forgetRequests()
                #expect(try await mirror.run(entries[1]).rows.map(\.status) == [.upToDate])
                #expect(target.count("PUT") == 0)
                source.store.remove(shared.digest, from: "a")
                for _ in 0..<2 { for entry in entries { #expect(try await mirror.run(entry).errors == 0) } }
                #expect(try lists(shared, target))
            }
        }
    }
}
