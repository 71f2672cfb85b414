import FaultRig
import TestSupport
import Testing

/// The campaigns of `make torture`, so short that they run with every test.
///
/// Not one after the other: each would begin when all other tests have ended, and run alone then.
@Suite(.timeLimit(.minutes(10)))
struct CampaignTests {
    @Test("A sync that is killed before any of its changes, and again in recovery, is completed by the next")
    func killEverywhere() async throws { try expectGood(await Campaign.killEverywhere(stride: 60)) }

    @Test("A collection that is killed before any of its changes ends where one ends that is not killed")
    func killedSweeps() async throws { try expectGood(await Campaign.killedSweeps(stride: 12)) }

    @Test("kill -9 at any time loses nothing that was acknowledged, and needs no repair")
    func randomKills() async throws { try expectGood(await Campaign.randomKills(30)) }

    @Test("A system call that fails is told in a message, and the next run completes the work")
    func errors() async throws { try expectGood(await Campaign.errorsEverywhere(12)) }

    @Test("A registry or a network that goes wrong is overcome, or told of, and nobody gets something else")
    func networkFaults() async throws { try expectGood(await Campaign.networkFaults(300)) }

    @Test("What cannot be read is put aside and told of, is never taken for the whole, and comes back")
    func unreadable() async throws { try expectGood(await Campaign.unreadableFiles()) }

    @Test("A power cut loses nothing that was acknowledged and leaves no wrong blob")
    func powerCuts() async throws { try expectGood(await Campaign.powerCuts(20)) }

    @Test("Every disk that a power cut could leave is recovered", arguments: Campaign.CrashWork.allCases)
    func crashStates(_ work: Campaign.CrashWork) async throws {
        try expectGood(await Campaign.crashStates(work, stride: 40))
    }

    @Test("The rig sees a store that does not sync, or commits too early", arguments: Campaign.Control.allCases)
    func controls(_ control: Campaign.Control) async throws {
        let step = control == .lateRename ? 5 : 20
        try expectGood(await Campaign.crashStates(.images, stride: step, control: control, endsWhenCaught: true))
    }

    @Test("Power cuts show that files are not synced")
    func powerCutControl() async throws { try expectGood(await Campaign.powerCuts(10, control: .noFileSync)) }

    @Test("A full disk is told in a message, and with room the work is completed")
    func fullDisks() async throws { try expectGood(await Campaign.fullDisks([150, 400, 650])) }

    @Test("A flipped bit of any blob is found, and the blob comes back")
    func flippedBlobs() async throws { try expectGood(await Campaign.flippedBlobs(10)) }

    @Test("Processes that do everything to one cache at the same time lose nothing")
    func manyProcesses() async throws { try expectGood(await Campaign.manyProcesses(operations: 20)) }

    @Test("After a kill of any command all commands work, and files and index agree in both directions")
    func killedCommands() async throws { try expectGood(await Campaign.killedCommands(8)) }

    @Test("Whoever looks at a larger cache holds nobody up who writes, and is told the truth")
    func largeCache() async throws {
        // The limit itself is for a machine that does nothing else, in `make torture`.
        try expectGood(await Campaign.largeCache(blobs: 22_000, patience: .seconds(10)))
    }

    @Test("Two syncs that need the same blobs fetch each once, also when one of them is killed")
    func sharedDownloads() async throws { try expectGood(await Campaign.sharedDownloads(2)) }

    @Test("A reader goes on while everything is collected")
    func readers() async throws { try expectGood(await Campaign.collectionBesideReaders(1)) }

    @Test("The rig sees a blob whose row was not written")
    func missingRows() async throws { try expectGood(await Campaign.missingRows(2)) }

    @Test("A collection of 1,200 blobs takes a handful of transactions and syncs, not some for each blob")
    func collectionCost() async throws {
        let cost = try await CollectionCost.measure(blobs: 1200)
        #expect(cost.removals == 1200)
        // A transaction also ends after a time, so a busy machine takes more of them.
        #expect(cost.transactions <= 48, "\(cost)")
        #expect(cost.syncs <= 240, "\(cost)")
    }
}

/// A campaign that did not run is not good: it is shown as skipped, or fails where nothing may be skipped.
func expectGood(_ figures: Figures) throws {
    if let reason = figures.skipped, !Requirement.isStrict { try Test.cancel("\(reason)") }
    #expect(figures.isGood, "\(figures)")
}
