import ArgumentParser
import Cache
import OCI
import Registry
import Sync

/// `imglife cache verify`.
struct CacheVerifyCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Hash every blob again and put aside what is wrong.",
        discussion: """
            The next sync of an affected image downloads it again, and --repair does so now. An interrupted verification \
            is continued by the next one. Exit codes: 0 all sound, or repaired; 1 something is bad.
            """
    )

    @ParentCommand var parent: Imglife

    @Flag(help: "Fetch what is bad or missing again: from where it came, its mirrors, or the targets.")
    var repair = false

    @Option(
        help: ArgumentHelp("Only the n-th of t parts of the cache.", valueName: "n/t"),
        transform: { text in
            let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
            guard numbers.count == 2, let number = numbers[0], let count = numbers[1],
                let subset = VerificationOptions.Subset(number, of: count)
            else { throw ValidationError("'\(text.displaySafe)' must be a part and how many there are, such as 1/7") }
            return subset
        }
    )
    var subset: VerificationOptions.Subset?

    @Option(
        help: ArgumentHelp("Begin no blob after this time; the next verification goes on there.", valueName: "time"),
        transform: Duration.option
    )
    var maxDuration: Duration?

    @Flag(help: "Begin at the first blob, wherever an earlier verification stopped.")
    var restart = false

    @Option(help: "Text, or one JSON document.")
    var output = CacheCommand.Output.text

    func run() async throws {
        try await CacheAccess.run(parent.options, mayBeReadOnly: !repair) { [self] cache, access in
            // Before hours of hashing.
            if repair { _ = try await access.session.usableRegistries }
            let options = VerificationOptions(subset: subset, maximumDuration: maxDuration, startsOver: restart)
            let progress = VerificationProgress()
            let style = ProgressStyle(.auto, of: access.session)
            let display = WorkProgress(style: style) { time, _ in Self.line(progress.snapshot, after: time) }
            let report = try await display.showing { try await cache.verify(options, progress: progress) }
            var (repaired, failure) = (RepairReport?.none, (any Error)?.none)
            do {
                if repair { repaired = try await Self.repair(report, cache, access) }
            } catch {
                // What was found is told, whatever becomes of its repair.
                failure = error
            }
            let result = VerificationResult(report, repaired)
            if let broken = repaired?.failure {
                failure = broken
            } else if result.stopped == nil {
                let bad = result.unrepaired ?? result.bad.count
                do {
                    let blobs = report.blobs + report.skipped
                    try await cache.verification.note(blobs: blobs, bad: bad, isWhole: subset == nil)
                } catch {
                    failure = failure ?? error
                }
            }
            switch output {
            case .text: try StandardOutput.offer(result.text(columns: Terminal.outputColumns))
            case .json: try StandardOutput.offer(CacheDocument.text(result))
            }
            if let failure { throw failure }
            if result.isBad { throw Failure.failed }
        }
    }

    private static func repair(
        _ report: VerificationReport,
        _ cache: ContentCache,
        _ access: CacheAccess
    ) async throws -> RepairReport {
        guard !report.findings.isEmpty else { return RepairReport() }
        return try await RegistryClient.with(access.session.usableRegistries) { client in
            let repair = CacheRepair(
                cache: cache,
                client: client,
                configuration: access.session.configuration,
                logger: access.configuration.logger
            )
            return try await repair.run(report.findings)
        }
    }

    private static func line(_ progress: VerificationProgress.Snapshot, after time: Duration) -> String? {
        guard progress.totalBlobs > 0 else { return nil }
        var parts = [
            "verified \(progress.blobs) of \(progress.totalBlobs) blobs",
            "\(ByteCount(progress.bytes, of: progress.totalBytes))",
        ]
        let seconds = time / .seconds(1)
        if seconds > 0, progress.bytes > 0 {
            let rate = Double(progress.bytes) / seconds
            parts.append("\(ByteCount(Int64(rate)))/s")
            let left = Double(progress.totalBytes - progress.bytes) / rate
            parts.append("ETA \(Elapsed(wholeSecondsOf: .seconds(left)))")
        }
        if progress.bad > 0 { parts.append("\(progress.bad) bad") }
        return parts.joined(separator: " · ")
    }
}
