import NIOCore
import OCI
import TestSupport
import Testing

@testable import Sync

@Suite(.timeLimit(.minutes(10)))
struct MirrorBlobTests {
    private let image = SampleImage.image(layers: [.init(seed: 1, size: 3_000_000), .init(seed: 2, size: 1000)])

    private var layer: Digest {
        get throws { try #require(image.blobs.max { $0.descriptor.size < $1.descriptor.size }).descriptor.digest }
    }

    private func requests(of digest: Digest, at registry: ScriptedRegistry) -> [RecordedRequest] {
        registry.requests.filter { $0.path.hasSuffix("/blobs/\(digest)") }
    }

    @Test("A blob that breaks off at a mirror goes on where it stopped at the host")
    func broken() async throws {
        try await MirrorFixture.with(image) { fixture in
            let layer = try layer
            fixture.mirror.script(RequestMatch("GET", .blob(layer)), .close(afterBytes: 1_500_000))
            fixture.mirror.script(RequestMatch("GET", .blob(layer), times: nil), .status(502))
            let report = try await fixture.sync()
            #expect(report.rows.map(\.reason) == [nil])
            #expect(fixture.targetHolds(image))
            let ranges = requests(of: layer, at: fixture.host).map { $0.headers["range"] }
            #expect(ranges.count == 1 && ranges.first != nil && ranges.first != "bytes=0-")
            #expect(report.bytes.downloaded == image.blobSize)
            #expect(fixture.warnings("a mirror fails") == 1)
        }
    }

    @Test(
        "A blob of wrong bytes from a mirror comes from the host instead",
        arguments: [3_000_000, 1000],
        [1, 3]
    )
    func wrongBytes(size: Int64, cacheAttempts: Int) async throws {
        try await MirrorFixture.with(image) { fixture in
            var fixture = fixture
            fixture.run.cacheAttempts = cacheAttempts
            let digest = try #require(image.blobs.first { $0.descriptor.size == size }).descriptor.digest
            fixture.mirror.script(RequestMatch("GET", .blob(digest), times: nil), .corruptByte(at: 10))
            let report = try await fixture.sync()
            #expect(report.rows.map(\.reason) == [nil])
            #expect(fixture.targetHolds(image))
            #expect(requests(of: digest, at: fixture.mirror).count == 1)
            #expect(requests(of: digest, at: fixture.host).map { $0.headers["range"] } == [nil])
            #expect(fixture.warnings("a mirror") == 1)
        }
    }

    @Test("What came twice because it was wrong counts twice, and nothing of it as cached; the second try is told")
    func countedTwice() async throws {
        try await MirrorFixture.with(image) { fixture in
            let layer = try layer
            let valve = Valve(bytes: 2 << 20)
            let wrong = Action.all([.corruptByte(at: 10), .trickle(valve)])
            fixture.mirror.script(RequestMatch("GET", .blob(layer), times: nil), wrong)
            fixture.target.script(
                RequestMatch("PUT", .uploads, where: { $0.headers["content-length"] == "3000000" }),
                .resetUpload(afterBytes: 1 << 20)
            )
            let report = try await withThrowingTaskGroup(of: SyncReport.self) { group in
                group.addTask { try await fixture.sync() }
                // Some of the wrong bytes are sent on then. When that breaks while the rest is awaited, nothing else comes before it.
                try await fixture.target.waitForRequests { requests in
                    requests.contains { $0.method == "PUT" && $0.headers["content-length"] == "3000000" }
                }
                valve.open()
                return try #require(try await group.next())
            }
            #expect(report.rows.map(\.reason) == [nil])
            #expect(fixture.targetHolds(image))
            #expect(report.bytes.downloaded == image.blobSize + 3_000_000)
            #expect(report.bytes.cached == 0)
            #expect(fixture.warnings("wrong bytes have arrived; downloading again") == 1)
            #expect(fixture.run.log.text.contains("2 of 3"), "\(fixture.run.log.text)")
        }
    }

    @Test("A beginning of wrong bytes from a mirror does not spoil what the host sends")
    func wrongBeginning() async throws {
        try await MirrorFixture.with(image) { fixture in
            let layer = try layer
            let broken = Action.all([.corruptByte(at: 10), .close(afterBytes: 1_500_000)])
            fixture.mirror.script(RequestMatch("GET", .blob(layer)), broken)
            fixture.mirror.script(RequestMatch("GET", .blob(layer), times: nil), .status(502))
            let report = try await fixture.sync()
            #expect(report.rows.map(\.reason) == [nil])
            #expect(fixture.targetHolds(image))
            let ranges = requests(of: layer, at: fixture.host).map { $0.headers["range"] != nil }
            #expect(ranges == [true, false])
        }
    }

    @Test("Where the host sends wrong bytes too, the copy fails and does not go on for ever", arguments: [1, 3])
    func wrongEverywhere(cacheAttempts: Int) async throws {
        try await MirrorFixture.with(image) { fixture in
            var fixture = fixture
            fixture.run.cacheAttempts = cacheAttempts
            let layer = try layer
            for registry in [fixture.mirror, fixture.host] {
                registry.script(RequestMatch("GET", .blob(layer), times: nil), .corruptByte(at: 10))
            }
            let report = try await fixture.sync()
            #expect(report.rows.map(\.status) == [.failed])
            #expect(fixture.target.store.tags(of: "app").isEmpty)
            #expect(report.rows.first?.reason?.contains("\(fixture.host.host)/library/app") == true)
            #expect(requests(of: layer, at: fixture.mirror).count == 1)
            #expect((1...3).contains(requests(of: layer, at: fixture.host).count))
        }
    }

    @Test("A mirror that has sent wrong bytes of a blob is not asked for it again where the host fails")
    func wrongBytesAndNoHost() async throws {
        try await MirrorFixture.with(image) { fixture in
            let layer = try layer
            fixture.mirror.script(RequestMatch("GET", .blob(layer), times: nil), .corruptByte(at: 10))
            fixture.host.script(RequestMatch("GET", .blob(layer), times: nil), .status(502))
            #expect(try await fixture.sync().rows.map(\.status) == [.failed])
            #expect(requests(of: layer, at: fixture.mirror).count == 1)
        }
    }

    private struct ReaderError: Error {}

    @Test(
        "A mirror is asked again for a blob whose reader left, that somebody else reads too, or that was right",
        arguments: ["left", "meanwhile", "right"]
    )
    func unblamed(case name: String) async throws {
        try await MirrorFixture.with(image) { fixture in
            let blob = try #require(image.blobs.first { $0.descriptor.size == 3_000_000 }).descriptor
            try await fixture.withSource(clock: TestClock()) { source in
                switch name {
                case "left":
                    await #expect(throws: ReaderError.self) {
                        try await source.readBlob(blob, from: 0) { if $0.readableBytes > 0 { throw ReaderError() } }
                    }
                case "meanwhile":
                    var isFirst = true
                    try await source.readBlob(blob, from: 0) {
                        guard isFirst, $0.readableBytes > 0 else { return }
                        isFirst = false
                        try await source.readBlob(blob, from: 0) { _ in }
                    }
                    source.wasRight(blob.digest)
                default:
                    try await source.readBlob(blob, from: 0) { _ in }
                    source.wasRight(blob.digest)
                }
                let asked = requests(of: blob.digest, at: fixture.mirror).count
                try await source.readBlob(blob, from: 0) { _ in }
                #expect(requests(of: blob.digest, at: fixture.mirror).count == asked + 1)
                #expect(requests(of: blob.digest, at: fixture.host).isEmpty)
            }
        }
    }
}
