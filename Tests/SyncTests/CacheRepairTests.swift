import Cache
import Logging
import NIOCore
import OCI
import Registry
import Sync
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct CacheRepairTests {
    @Test("A bad file that could not be put aside is not taken for what was to be fetched, and is told as not repaired")
    func inPlace() async throws {
        let image = SampleImage.image(layers: [.init(seed: 41, size: 3000)])
        let layer = try #require(image.blobs.last?.descriptor.digest)
        try await MirrorFixture.with(image) { fixture in
            #expect(try await fixture.sync().errors == 0)
            let configuration = CacheConfiguration(
                directory: fixture.run.cacheDirectory,
                clock: TestClock(),
                lockTimeout: .endless
            )
            let outcomes = try await RegistryClient.with(RegistryConfiguration(logger: Logger(label: "test"))) {
                client in
                try await ContentCache.with(configuration) { cache in
                    let repair = CacheRepair(
                        cache: cache,
                        client: client,
                        configuration: nil,
                        logger: Logger(label: "test")
                    )
                    let findings: [VerificationReport.Finding] = [true, false].map {
                        .init(digest: layer, fault: .damaged, affected: [], isInPlace: $0)
                    }
                    return (try await repair.run([findings[0]]), try await repair.run([findings[1]]))
                }
            }
            guard case .unrepaired(let reason)? = outcomes.0.rows.first?.outcome else {
                Issue.record("\(outcomes.0.rows)")
                return
            }
            #expect(reason == "the damaged file could not be put aside; check the disk")
            #expect(outcomes.0.isIncomplete && !outcomes.1.isIncomplete)
        }
    }
}
