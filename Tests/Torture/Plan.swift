import FaultRig

/// What is done, and how often.
struct Plan {
    struct Step: Sendable {
        let name: String
        let run: @Sendable () async throws -> Figures
    }

    let steps: [Step]

    /// Counts are divided by the scale, so that the rig itself can be tried quickly.
    init(scale: Int) {
        @Sendable func some(_ count: Int) -> Int { max(1, count / scale) }
        let work: [Step] = [
            Step(name: "F1") { try await Campaign.randomKills(some(1000)) },
            Step(name: "F2") { try await Campaign.killEverywhere(stride: scale) },
            Step(name: "F2.gc") { try await Campaign.killedSweeps(stride: scale) },
            Step(name: "F3") { try await Campaign.powerCuts(some(500)) },
            Step(name: "F3b.images") { try await Campaign.crashStates(.images, stride: scale) },
            Step(name: "F3b.mixed") { try await Campaign.crashStates(.mixed, stride: scale) },
            Step(name: "F4") { try await Campaign.errorsEverywhere(some(400)) },
            Step(name: "F4.read") { try await Campaign.unreadableFiles() },
            Step(name: "F5") { try await Campaign.networkFaults(some(5600)) },
            Step(name: "F6") { try await Campaign.resets(some(40)) },
            Step(name: "F11") { try await Campaign.manyProcesses(operations: some(200)) },
            Step(name: "F16.blobs") { try await Campaign.flippedBlobs(some(100)) },
            Step(name: "F16.index") { try await Campaign.flippedIndex(some(50)) },
            Step(name: "F22") { try await Campaign.killedCommands(some(200)) },
            Step(name: "archives") { try await Campaign.hostileArchives(some(400)) },
            Step(name: "held") { try await Campaign.heldUp(some(60)) },
            Step(name: "F23") { try await Campaign.largeCache(blobs: some(1_000_000)) },
            Step(name: "share") { try await Campaign.sharedDownloads(some(40)) },
            Step(name: "readers") { try await Campaign.collectionBesideReaders(some(10)) },
            Step(name: "full") { try await Campaign.fullDisks(Array(stride(from: 100, through: 900, by: 20 * scale))) },
        ]
        let controls: [Step] = [
            Step(name: "control.1") { try await Campaign.powerCuts(20, control: .noFileSync) },
            Step(name: "control.2") { try await Campaign.crashStates(.images, stride: 4, control: .noFileSync) },
            Step(name: "control.3") { try await Campaign.crashStates(.images, stride: 4, control: .noDirectorySync) },
            Step(name: "control.4") { try await Campaign.crashStates(.images, stride: 1, control: .lateRename) },
            Step(name: "control.5") { try await Campaign.missingRows(some(10)) },
        ]
        steps = work + controls
    }
}
