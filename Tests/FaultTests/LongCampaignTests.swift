import FaultRig
import Testing

/// Campaigns that wait for locks, or for large archives, beside the others.
@Suite(.timeLimit(.minutes(10)))
struct LongCampaignTests {
    @Test("What goes wrong between a blob's file and its row, or meets held locks, is told and leaves nothing unusable")
    func heldUp() async throws { try expectGood(await Campaign.heldUp(4)) }

    @Test("Archives that ask for more than they may have are refused in a message, and with little memory")
    func hostileArchives() async throws { try expectGood(await Campaign.hostileArchives(21)) }
}
