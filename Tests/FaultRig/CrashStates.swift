import TestSupport

extension Campaign {
    /// After each so many-th change of a recorded piece of work, the disks that a power failure could leave are made
    /// and checked.
    ///
    /// Needs no rights. Finds what ext4 hides, which makes more safe than it must. With a control it is only asked
    /// whether the rig sees the mistake, if wished no further than to where it first does.
    package static func crashStates(
        _ work: CrashWork,
        stride step: Int,
        control: Control? = nil,
        endsWhenCaught: Bool = false
    ) async throws -> Figures {
        let ledger = Ledger(control.map { "control, crash states: \($0.rawValue)" } ?? "crash states: \(work.rawValue)")
        try await Scratch.with { directory async throws in
            let root = "\(directory)/cache"
            var program = FaultedProgram(.probe, [root] + work.arguments, cache: root)
            program.trace = "\(directory)/trace"
            program.faults = control.map { [$0.fault] } ?? []
            let result = try await program.run()
            guard result.status == 0 else { throw RigError("\(work): \(result.output)\(result.errors)") }
            let found = control == nil ? ledger : Ledger("control")
            let walk = try await SyncWork.with { syncs async throws in
                let trace = try Trace("\(directory)/trace")
                let walk = CrashWalk(
                    trace: trace,
                    root: root,
                    work: work,
                    syncs: control == nil ? syncs : nil,
                    endsAtProblem: endsWhenCaught
                )
                try await walk.check(in: directory, stride: step, found)
                return walk
            }
            let states = found.figures.cases
            if control != nil {
                for _ in 0..<states { ledger.countCase() }
                for _ in 0..<found.figures.problemCount { ledger.control(caught: true) }
                ledger.control(caught: false)
            }
            ledger.remark("\(walk.trace.changes.count) changes, \(states) disks")
        }
        return ledger.figures
    }

    /// What is recorded.
    package enum CrashWork: String, CaseIterable, Sendable {
        case images
        case mixed

        fileprivate var arguments: [String] {
            switch self {
            case .images: ["images", "1", "3"]
            case .mixed: ["mixed", "7", "14"]
            }
        }
    }
}

private struct CrashWalk: Sendable {
    let trace: Trace
    let root: String
    let work: Campaign.CrashWork
    /// With what the commands are tried afterwards.
    let syncs: SyncWork?
    let endsAtProblem: Bool
    /// They are tried on one of so many disks of each lane.
    private static let sample = 40

    func check(in directory: String, stride step: Int, _ ledger: Ledger) async throws {
        let size = trace.changes.count
        // Two halves of the positions, so that both cores have something to do.
        try await onTwoLanes(0..<2) { lane in
            var disk = DiskModel()
            var said = ""
            var number = 0
            for (position, change) in trace.changes.enumerated()
            where !(endsAtProblem && ledger.figures.problemCount > 0) {
                disk.apply(change)
                if case .say(let bytes) = change { said += String(decoding: bytes, as: UTF8.self) }
                guard position % (2 * step) == lane * step || position == size - 1 - lane else { continue }
                for survival in DiskModel.Survival.allCases {
                    let copy = "\(directory)/\(lane)"
                    try disk.write(root, to: copy, survival)
                    let place = "change \(position + 1), \(survival) survives"
                    try await examine(copy, place, said, ledger)
                    if number % Self.sample == 0 { try await tryCommands(copy, place, 2 * number + lane, ledger) }
                    try Files.remove(copy)
                    number += 1
                }
            }
        }
    }

    private func tryCommands(_ copy: String, _ place: String, _ number: Int, _ ledger: Ledger) async throws {
        guard let syncs else { return }
        let after = "\(copy).after"
        try Files.makeDirectory(after)
        try await Tool.check("cp", ["-a", copy, "\(after)/cache"])
        let aftermath = Aftermath(work: syncs, directory: after, ledger: ledger, isShared: true)
        try await aftermath.expectUsable(place, target: number)
        try Files.remove(after)
    }

    private func examine(_ copy: String, _ place: String, _ said: String, _ ledger: Ledger) async throws {
        var acknowledged = Acknowledged()
        acknowledged.read(said)
        if work == .mixed { acknowledged.allowCollection() }
        ledger.countCase()
        ledger.enter(place, try Examination(copy), acknowledged)
        try await Campaign.recover(copy, place, ledger)
        ledger.enter("\(place), recovered", try Examination(copy), acknowledged)
    }
}
