import TestSupport

extension Campaign {
    /// The power fails under a cache on an ext4 of its own, at random and right after acknowledgements.
    ///
    /// With a control it is only asked whether the rig sees the mistake.
    package static func powerCuts(_ count: Int, control: Control? = nil, seed: Int = 1) async throws -> Figures {
        let ledger = Ledger(control.map { "control, power cuts: \($0.rawValue)" } ?? "power cuts")
        guard await PowerRig.isPossible() else {
            ledger.skip("needs root, loop devices, unshare and mkfs.ext4")
            return ledger.figures
        }
        let perDisk = control == nil ? min(20, count) : 1
        try await SyncWork.with { work async throws in
            try await onTwoLanes(0..<((count + perDisk - 1) / perDisk)) { session in
                try await Scratch.with { directory async throws in
                    let rig = PowerRig(directory: directory)
                    try await rig.makeDisk()
                    var cuts = PowerSession(rig: rig, seed: seed &+ session, control: control)
                    try await cuts.run(perDisk, ledger)
                    guard control == nil, let copy = cuts.lastCopy else { return }
                    try Files.makeDirectory("\(directory)/after")
                    try Files.move(copy, to: "\(directory)/after/cache")
                    let aftermath = Aftermath(
                        work: work,
                        directory: "\(directory)/after",
                        ledger: ledger,
                        isShared: true
                    )
                    try await aftermath.expectUsable("after \(perDisk) cuts", target: session)
                }
            }
        }
        ledger.remark("ext4 shut down without flushing its log, \(perDisk) cuts for each disk")
        return ledger.figures
    }

    /// A mistake that a store could make, made for it by the shim.
    package enum Control: String, CaseIterable, Sendable {
        case noFileSync = "no file fsync"
        case noDirectorySync = "no directory fsync"
        case lateRename = "commit before rename"

        var fault: Fault {
            switch self {
            case .noFileSync: .noFileSync
            case .noDirectorySync: .noDirectorySync
            case .lateRename: .lateRename
            }
        }
    }
}

/// A file system in a file, mounted only where its program runs.
struct PowerRig: Sendable {
    let directory: String

    private var disk: String { "\(directory)/disk" }
    private var place: String { "\(directory)/place" }
    /// The cache, in the place where only the program sees it.
    var cache: String { "\(place)/cache" }

    /// Whether this user may mount loop devices here.
    static func isPossible() async -> Bool {
        guard await Requirement.mounting.isMet(), Tool.isInstalled("mkfs.ext4") else { return false }
        let works: Bool? = try? await Scratch.with { directory async throws in
            let rig = PowerRig(directory: directory)
            try await rig.makeDisk()
            return try await rig.run(["true"], copy: "\(directory)/copy").status == 0
        }
        return works == true
    }

    func makeDisk() async throws {
        try Files.makeDirectory(place)
        try await Tool.check("truncate", ["-s", "48M", disk])
        try await Tool.check("mkfs.ext4", ["-q", disk])
    }

    /// Runs a program on the disk; afterwards, and after the file system's own recovery, the cache is copied.
    func run(_ command: [String], copy: String) async throws -> ToolResult {
        let script = """
            disk=$1; place=$2; copy=$3; shift 3
            mount -o loop "$disk" "$place" || exit 98
            "$@"; status=$?
            umount "$place" || exit 97
            mount -o loop "$disk" "$place" || exit 96
            if [ -e "$place/cache" ]; then cp -a "$place/cache" "$copy" || exit 95; fi
            umount "$place" || exit 94
            exit $status
            """
        let result = try await Tool.run("unshare", ["-m", "sh", "-c", script, "sh", disk, place, copy] + command)
        guard !(94...98).contains(result.status) else { throw RigError("the disk: \(result.errors)") }
        return result
    }
}

/// One disk through several power cuts.
private struct PowerSession {
    let rig: PowerRig
    let control: Campaign.Control?
    private var generator: SeededGenerator
    private var acknowledged = Acknowledged()
    /// The cache as the last cut left it, and the next opening put it right.
    private(set) var lastCopy: String?

    init(rig: PowerRig, seed: Int, control: Campaign.Control?) {
        self.rig = rig
        self.control = control
        generator = SeededGenerator(seed)
    }

    mutating func run(_ count: Int, _ ledger: Ledger) async throws {
        for round in 0..<count {
            let program = nextProgram(round)
            let place = "\(program.arguments.dropFirst()), \(program.faults)"
            if let copy = lastCopy { try Files.remove(copy) }
            lastCopy = nil
            let copy = "\(rig.directory)/copy"
            let result = try await rig.run(program.command, copy: copy)
            if !result.wasKilled, let oddity = result.oddity { ledger.problem("\(place): \(oddity)") }
            acknowledged.read(result.output)
            ledger.countCase()
            guard Files.exists(copy) else { continue }
            let found = Ledger(place)
            try await examine(copy, place, control == nil ? ledger : found)
            if control != nil { ledger.control(caught: found.figures.problemCount > 0) }
            lastCopy = copy
        }
    }

    private mutating func examine(_ copy: String, _ place: String, _ ledger: Ledger) async throws {
        ledger.enter(place, try Examination(copy), acknowledged)
        try await Campaign.recover(copy, place, ledger)
        let examination = try Examination(copy)
        ledger.enter("\(place), recovered", examination, acknowledged)
        acknowledged.settle(examination)
    }

    private mutating func nextProgram(_ round: Int) -> FaultedProgram {
        let work: [String]
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<6: work = ["images", "\(round % 3)", "4"]
        case 6..<8: work = ["\(4 + round % 8)", "120000"]
        default:
            work = ["mixed", "\(3 + round % 3)", "8"]
            acknowledged.allowCollection()
        }
        var program = FaultedProgram(
            .probe,
            [rig.cache] + (control == nil ? work : ["images", "1", "6"]),
            cache: rig.cache
        )
        program.faults = [nextCut()] + (control.map { [$0.fault] } ?? [])
        return program
    }

    private mutating func nextCut() -> Fault {
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: .powerCut(before: .random(in: 1...450, using: &generator))
        case 1: .powerCutAfterLine(.random(in: 1...30, using: &generator))
        default: .powerCutLater(microseconds: .random(in: 10_000...250_000, using: &generator))
        }
    }
}
