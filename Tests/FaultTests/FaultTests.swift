import FaultRig
import TestSupport
import Testing

struct FaultTests {
    @Test("A sync that is killed before any of its changes, and again in recovery, is completed by the next")
    func killEverywhere() async throws {
        let figures = try await Campaign.killEverywhere(stride: 40)
        #expect(figures.isGood, "\(figures)")
    }
}
