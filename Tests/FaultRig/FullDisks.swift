import TestSupport

extension Campaign {
    /// A sync meets a disk of too few KiB, says so, and is completed when there is room; it takes about 700.
    package static func fullDisks(_ sizes: [Int]) async throws -> Figures {
        let ledger = Ledger("full disks")
        guard await Requirement.mounting.isMet() else {
            ledger.skip("needs \(Requirement.mounting)")
            return ledger.figures
        }
        try await SyncWork.with { work async throws in
            try await onTwoLanes(sizes.indices) { number in
                try await Scratch.with { directory async throws in
                    try await fill(work, number, sizes[number], in: directory, ledger)
                }
            }
        }
        ledger.remark("tmpfs of \(sizes.min() ?? 0) to \(sizes.max() ?? 0) KiB")
        return ledger.figures
    }

    private static func fill(
        _ work: SyncWork,
        _ number: Int,
        _ size: Int,
        in directory: String,
        _ ledger: Ledger
    ) async throws {
        let script = """
            size=$1; place=$2; copy=$3; shift 3
            mkdir "$place" && mount -t tmpfs -o "size=${size}k" tmpfs "$place" || exit 98
            "$@" >"$copy.first" 2>&1; first=$?
            mount -o remount,size=64m "$place" || exit 97
            "$@" >"$copy.second" 2>&1; second=$?
            cp -a "$place" "$copy" || exit 96
            echo "$first $second"
            """
        let program = try work.program(in: directory, target: number)
        let (place, copy) = ("\(directory)/cache", "\(directory)/copy")
        let result = try await Tool.run(
            "unshare",
            ["-m", "sh", "-c", script, "sh", "\(size)", place, copy] + program.command
        )
        let statuses = result.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        guard result.status == 0, statuses.count == 2 else { throw RigError("full disk: \(result.errors)") }
        let first = try Files.text("\(copy).first")
        ledger.countCase()
        let isClear = first.contains("No space left on device") || first.contains("disk is full")
        if statuses[0] > 1 || statuses[0] == 1 && !isClear { ledger.problem("\(size) KiB: \(statuses[0]) \(first)") }
        if statuses[1] != 0 { ledger.repair("\(size) KiB, with room: \(try Files.text("\(copy).second"))") }
        ledger.enterSettled("\(size) KiB", try Examination(copy))
        for text in try work.takeTarget(number) { ledger.repair("\(size) KiB, with room: \(text)") }
        try Files.remove(place)
        try Files.move(copy, to: place)
        let aftermath = Aftermath(work: work, directory: directory, ledger: ledger)
        try await aftermath.expectUsable("\(size) KiB", target: 100_000 + number)
    }
}
