import OCI
import Testing

@testable import Sync
@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct SummaryTextTests {
    private let plain = TextStyle(isColoured: false)
    private let nothing = "Downloaded 0 B · from cache 0 B · mounted 0 B · pushed 0 B\n"

    @Test("The summary has the wording and the columns that it promises")
    func toTheLetter() throws {
        let text = SummaryText(report: try Sample.report(synced: 8, upToDate: 4), style: plain).text
        #expect(
            text == """
                Sync Summary · 4.2s
                ───────────────────────────────────
                Mirror images managed            12
                ├─ Synced                         8
                ├─ Up-to-date                     4
                └─ Errors                         0
                Downloaded 0 B · from cache 0 B · mounted 0 B · pushed 0 B

                """
        )
    }

    @Test("A dry run says so before the header, and counts the same")
    func dryRun() throws {
        var report = try Sample.report(synced: 1)
        report.isDryRun = true
        let lines = SummaryText(report: report, style: plain).text.split(separator: "\n")
        #expect(lines.first == "[dry-run] Sync Summary · 4.2s")
        #expect(lines[3] == "├─ Synced                         1")
    }

    @Test("Numbers end at the 35th column", arguments: [0, 1, 12, 123, 1234, 12_345, 123_456, 1_234_567])
    func alignment(count: Int) throws {
        var report = SyncReport()
        report.rows = Array(repeating: try Sample.row(.upToDate), count: count)
        let lines = SummaryText(report: report, style: plain).text.split(separator: "\n")
        #expect(lines[1...5].map(\.count) == [35, 35, 35, 35, 35])
        #expect(lines[2].hasPrefix("Mirror images managed ") && lines[2].hasSuffix(" \(count)"))
        #expect(lines[4].hasPrefix("├─ Up-to-date ") && lines[4].hasSuffix(" \(count)"))
    }

    @Test("Digests in a reason are short on a terminal, and whole elsewhere")
    func digests() throws {
        let hex = String(repeating: "0123456789abcdef", count: 4)
        var report = SyncReport()
        report.rows = [try Sample.row(.failed, reason: "cannot download sha256:\(hex): no space left")]
        #expect(SummaryText(report: report, style: plain).text.contains("sha256:\(hex): no space"))
        let shown = SummaryText(report: report, style: plain, columns: 200).text
        #expect(shown.contains("cannot download sha256:0123456789ab: no space left"), "\(shown)")
    }

    @Test("Colours change nothing but the colour")
    func colours() throws {
        let report = try Sample.report(synced: 3, upToDate: 2, failed: 1)
        let coloured = SummaryText(report: report, style: TextStyle(isColoured: true)).text
        #expect(coloured.contains("\u{1B}[32m3\u{1B}[0m") && coloured.contains("\u{1B}[31m1\u{1B}[0m"))
        let bare = coloured.replacing(/\u{1B}\[[0-9]+m/, with: "")
        #expect(bare == SummaryText(report: report, style: plain).text)
    }

    @Test("Then come bytes, the life cycle, and failures by entry and reason, each told once")
    func below() throws {
        var report = try Sample.report()
        report.rows += try (0..<300).map { try Sample.row(.failed, tag: "3.\($0)", reason: "it broke") }
        var bytes = ByteTally()
        bytes.downloaded = 3_565_158
        bytes.pushed = 512
        report.rows.append(try Sample.row(.synced, bytes: bytes))
        report.rows.append(try Sample.row(.failed, entry: 7, tag: nil, reason: "a\nb\u{1B}[2J\u{202E}c"))
        report.hooks = [Self.failed(Hook(command: "x"))]
        var summary = SummaryText(report: report, style: plain, lifecycle: "2 tags are past their end of life")
        let image = "sync.entries[0] docker.io/library/alpine → registry.example.com:5000/mirrors/alpine"
        let all = summary.text.split(separator: "\n").dropFirst(7)
        #expect(
            Array(all.prefix(2)) == [
                "Downloaded 3.4 MiB · from cache 0 B · mounted 0 B · pushed 512 B",
                "2 tags are past their end of life",
            ]
        )
        #expect(all.dropFirst(2).first?.hasPrefix("✗ 300 tags of \(image): it broke: 3.0, 3.1, 3.2, ") == true)
        #expect(all.dropFirst(2).first?.hasSuffix(", 3.299") == true)
        #expect(
            Array(all.suffix(2)) == [
                "✗ sync.entries[7] docker.io/library/alpine → registry.example.com:5000/mirrors/alpine: "
                    + #"a\u{a}b\u{1b}[2J\u{202e}c"#,
                "✗ hook sync.hooks.post_sync[0] failed with exit code 3; its output is in the log",
            ]
        )
        #expect(all.count == 5)
        summary.columns = 500
        let cut = summary.text.split(separator: "\n")[9]
        #expect(cut == "✗ 300 tags of \(image): it broke: 3.0, 3.1, 3.2, 3.3, 3.4, 3.5, 3.6, 3.7, …")
    }

    @Test("Reasons that differ in digests and in the tag's own name are one")
    func groups() throws {
        let digests = ["a", "b"].map { String(repeating: $0, count: 64) }
        let rows = try digests.enumerated().map { position, digest in
            try Sample.row(.failed, tag: "1.\(position)", reason: "no tag '1.\(position)' with sha256:\(digest)")
        }
        let lines = FailureGroups(rows, isOnTerminal: false).lines
        #expect(lines.count == 1)
        #expect(lines.first?.hasSuffix("mirrors/alpine: no tag '…' with sha256:…: 1.0, 1.1") == true)
        let one = FailureGroups(Array(rows.prefix(1)), isOnTerminal: true).lines
        #expect(one.first?.hasSuffix("mirrors/alpine:1.0: no tag '1.0' with sha256:\(digests[0])") == true)
    }

    @Test("On a terminal lines are folded between words, and a word that is longer than a line within it")
    func folded() throws {
        var report = try Sample.report()
        let reason = "the registry does not let this user read it: set IMGLIFE_REGISTRY_EXAMPLE_COM_5000_USERNAME"
        report.rows = [try Sample.row(.failed, tag: "3.1", reason: reason)]
        let summary = SummaryText(report: report, style: plain, columns: 40)
        let lines = summary.text.split(separator: "\n").dropFirst(6)
        #expect(
            Array(lines) == [
                "Downloaded 0 B · from cache 0 B ·", "mounted 0 B · pushed 0 B", "✗ sync.entries[0]",
                "  docker.io/library/alpine:3.1 →", "  registry.example.com:5000/mirrors/alpi",
                "  ne:3.1: the registry does not let this", "  user read it: set",
                "  IMGLIFE_REGISTRY_EXAMPLE_COM_5000_USER", "  NAME",
            ],
            "\(lines)"
        )
    }

    @Test("No more groups are shown on a terminal than fit; others tell all")
    func manyGroups() throws {
        let rows = try (0..<100).map { try Sample.row(.failed, entry: $0, reason: "it broke") }
        #expect(FailureGroups(rows, isOnTerminal: false).lines.count == 100)
        let lines = FailureGroups(rows, isOnTerminal: true).lines
        #expect(lines.count == 21)
        #expect(lines.last == "80 more in 80 groups: '--output json' tells all")
    }

    @Test("Failed hooks are counted under the errors, and a run that was stopped says what is left")
    func hooksAndInterruption() throws {
        var report = try Sample.report(synced: 2)
        report.hooks = [Self.failed(Hook(command: "x"))]
        var summary = SummaryText(report: report, style: plain)
        summary.unfinished = SummaryText.Unfinished(tags: 1, entries: 0)
        let lines = summary.text.split(separator: "\n")
        #expect(lines[5] == "└─ Errors                         0")
        #expect(lines[6] == "Hook errors                       1")
        #expect(lines[8] == "Interrupted: 1 tag not finished; the next run goes on")
    }

    private static func failed(_ hook: Hook) -> SyncReport.HookRecord {
        let outcome = HookOutcome(hook: hook, name: "sync.hooks.post_sync[0]", result: .exited(code: 3))
        return SyncReport.HookRecord(entry: nil, outcome: outcome)
    }

    @Test("A hook's failure that is to be ignored is marked as what is no error", arguments: [false, true])
    func ignoredHook(isColoured: Bool) throws {
        var report = try Sample.report(synced: 2)
        report.hooks = [Self.failed(Hook(command: "x", continuesOnError: true))]
        let text = SummaryText(report: report, style: TextStyle(isColoured: isColoured)).text
        let mark = isColoured ? "\u{1B}[33m!\u{1B}[0m" : "!"
        let end = "failed with exit code 3; its output is in the log (ignored: continue_on_error)"
        #expect(text.hasSuffix("\n\(mark) hook sync.hooks.post_sync[0] \(end)\n"), "\(text)")
        #expect(!text.contains("✗") && !text.contains("Hook errors"), "\(text)")
    }

    @Test(
        "What is left of a run that was stopped are tags, entries that are not listed, or hooks",
        arguments: [
            (2, 0, "2 tags not finished"), (0, 1, "1 entry not finished"), (1, 2, "1 tag and 2 entries not finished"),
            (0, 0, "all tags are finished, hooks are not"),
        ]
    )
    func unfinished(tags: Int, entries: Int, expected: String) {
        #expect("\(SummaryText.Unfinished(tags: tags, entries: entries))" == expected)
    }

    @Test("A line of the log that is longer than a terminal is folded at blanks, and indented")
    func foldedLog() {
        let line = "2026-11-26T12:00:00Z WARNING trying again  error=\"it broke\" place=a.io/b\n"
        #expect(FoldedText.log(line, columns: 200) == line)
        let folded = FoldedText.log(line, columns: 40).split(separator: "\n")
        #expect(
            folded == [
                "2026-11-26T12:00:00Z WARNING trying", "    again  error=\"it broke\"", "    place=a.io/b",
            ]
        )
    }

    @Test(
        "Lengths of time are short",
        arguments: [
            (.zero, "0.0s"), (.milliseconds(4249), "4.2s"), (.milliseconds(4250), "4.3s"),
            (.milliseconds(59_949), "59.9s"), (.milliseconds(59_950), "1m00s"), (.seconds(187), "3m07s"),
            (.milliseconds(3_599_700), "1h00m"), (.seconds(7_500), "2h05m"), (.seconds(360_000), "100h00m"),
        ] as [(Duration, String)]
    )
    func elapsed(duration: Duration, expected: String) {
        #expect(Elapsed(duration).description == expected)
    }

    @Test(
        "Sizes are in binary units with one decimal",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_524, "1023.9 KiB"), (1_048_575, "1.0 MiB"),
            (31_457_280, "30.0 MiB"), (.max, "8.0 EiB"),
        ] as [(Int64, String)]
    )
    func sizes(bytes: Int64, expected: String) {
        #expect(ByteCount(bytes).description == expected)
    }

    @Test("Colours are refused by NO_COLOR, by a dumb terminal, and where there is none")
    func refusedColours() {
        #expect(!TextStyle.standardOutput(["NO_COLOR": "1"]).isColoured)
        #expect(!TextStyle.standardOutput(["TERM": "dumb"]).isColoured)
    }
}
