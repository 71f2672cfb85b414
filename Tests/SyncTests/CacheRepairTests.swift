import Cache
import FailingCalls
import Glibc
import Logging
import NIOCore
import OCI
import Registry
import Sync
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct CacheRepairTests {
    private static let image = SampleImage.image(layers: [.init(seed: 41, size: 3000)])

    private static func layer() throws -> Digest { try #require(image.blobs.last).descriptor.digest }

    /// Repairs the layer that a run has brought, or something else.
    private static func repair(
        _ fixture: MirrorFixture,
        _ digest: Digest? = nil,
        isInPlace: Bool
    ) async throws -> RepairReport {
        let logger = Logger(label: "test")
        let configuration = CacheConfiguration(
            directory: fixture.run.cacheDirectory,
            clock: TestClock(),
            lockTimeout: .endless
        )
        let finding = VerificationReport.Finding(
            digest: try digest ?? layer(),
            fault: .damaged,
            affected: [],
            isInPlace: isInPlace
        )
        return try await RegistryClient.with(RegistryConfiguration(logger: logger)) { client in
            try await ContentCache.with(configuration) { cache in
                let repair = CacheRepair(cache: cache, client: client, configuration: nil, logger: logger)
                return try await repair.run([finding])
            }
        }
    }

    private static func reason(_ report: RepairReport) throws -> String {
        guard case .unrepaired(let reason) = try #require(report.rows.first).outcome else { return "" }
        return reason
    }

    @Test("A bad file that could not be put aside is not taken for what was to be fetched, and is told as not repaired")
    func inPlace() async throws {
        try await MirrorFixture.with(Self.image) { fixture in
            #expect(try await fixture.sync().errors == 0)
            let report = try await Self.repair(fixture, isInPlace: true)
            #expect(try Self.reason(report) == "the damaged file could not be put aside; the log says why")
            #expect(report.isIncomplete)
            #expect(try await !Self.repair(fixture, isInPlace: false).isIncomplete)
        }
    }

    @Test("What nobody has any more is no failure where no tag needs it")
    func unneeded() async throws {
        try await MirrorFixture.with(Self.image) { fixture in
            #expect(try await fixture.sync().errors == 0)
            let other = SampleImage.image(labels: ["is": "another"]).digest
            let report = try await Self.repair(fixture, other, isInPlace: false)
            #expect(report.rows.map(\.outcome) == [.unneeded])
            #expect(!report.isIncomplete)
        }
    }

    @Test("What a full disk refuses is told like what nobody has")
    func fullDisk() async throws {
        try await MirrorFixture.with(Self.image) { fixture in
            #expect(try await fixture.sync().errors == 0)
            try Files.remove("\(fixture.run.cacheDirectory)/blobs/sha256/\(try Self.layer().hex)")
            let rule = failing_call_begin("write", "\(fixture.run.cacheDirectory)/index.sqlite", ENOSPC)
            try #require(rule >= 0)
            defer { failing_call_end(rule) }
            let report = try await Self.repair(fixture, isInPlace: false)
            #expect(try Self.reason(report).contains("full"), "\(report.rows)")
            #expect(report.isIncomplete)
        }
    }
}
