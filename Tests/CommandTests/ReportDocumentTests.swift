import FoundationEssentials
import OCI
import Testing

@testable import Sync
@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct ReportDocumentTests {
    private let started = Date(timeIntervalSince1970: 1_767_225_600)
    private let digest = "sha256:" + String(repeating: "ab", count: 32)

    private func problems(_ text: String) throws -> [String] {
        try SchemaValidator(ReportSchema.text).problems(text)
    }

    @Test("The document has these keys in this order")
    func wholeText() throws {
        var report = SyncReport()
        report.duration = .milliseconds(4205)
        var bytes = ByteTally()
        bytes.pushed = 512
        report.rows = [try Sample.row(.synced, digest: try Digest(digest), bytes: bytes)]
        let text = ReportDocument(report, started: started).text
        #expect(
            text == """
                {
                  "version": 1,
                  "run": {
                    "started": "2026-01-01T00:00:00Z",
                    "duration_seconds": 4.205,
                    "dry_run": false,
                    "status": "success"
                  },
                  "totals": {
                    "managed": 1,
                    "synced": 1,
                    "up_to_date": 0,
                    "errors": 0
                  },
                  "bytes": {
                    "downloaded": 0,
                    "cached": 0,
                    "mounted": 0,
                    "pushed": 512
                  },
                  "rows": [
                    {
                      "entry": 0,
                      "source": "docker.io/library/alpine",
                      "source_tag": "3.21.3",
                      "target": "registry.example.com:5000/mirrors/alpine",
                      "target_tag": "3.21.3",
                      "status": "synced",
                      "digest": "\(digest)",
                      "source_digest": "\(digest)",
                      "bytes": {
                        "downloaded": 0,
                        "cached": 0,
                        "mounted": 0,
                        "pushed": 512
                      },
                      "reason": null
                    }
                  ]
                }

                """
        )
        #expect(try problems(text) == [])
    }

    @Test("Reports with everything, and with nothing, are valid")
    func valid() throws {
        var report = try Sample.report(synced: 2, upToDate: 1, failed: 1)
        report.isDryRun = true
        report.rows.append(try Sample.row(.synced, referrers: 3))
        report.rows.append(try Sample.row(.failed, entry: 3, tag: nil, reason: "no such repository", drifted: true))
        report.rows[4].duration = .milliseconds(1500)
        report.rows[4].warnings = ["the image lacks the platform linux/arm64"]
        report.rows[5].code = .rateLimited
        report.rows[5].tries = 3
        report.warnings = [.init(entry: 1, text: "the regex matches no tag")]
        let document = ReportDocument(
            report,
            started: started,
            lifecycle: .init(endOfLife: 2, endingSoon: 0, unknown: 1),
            hooks: [
                .init(entry: nil, name: "sync.hooks.post_sync[0]", failure: nil),
                .init(entry: 0, name: "sync.entries[0].hooks.post_sync[0]", failure: "exit code 3", isIgnored: true),
            ]
        )
        #expect(try problems(document.text) == [])
        #expect(try problems(ReportDocument(SyncReport(), started: started, hooks: []).text) == [])
        let json = try JSONValue(parsing: Array(document.text.utf8))
        #expect(json["rows"]?.elements?.last?["drifted"]?.bool == true)
        #expect(json["rows"]?.elements?.map { $0["referrers"]?.integer } == [nil, nil, nil, nil, 3, nil])
        #expect(json["rows"]?.elements?.last?.members?.contains { $0.key == "source_tag" && $0.value.isNull } == true)
        #expect(json["rows"]?.elements?.map { $0["code"]?.string } == [nil, nil, nil, nil, nil, "rate-limited"])
        #expect(json["rows"]?.elements?.last?["tries"]?.integer == 3)
        #expect(json["rows"]?.elements?[4]["warnings"]?.elements?.count == 1)
        #expect(json["warnings"]?.elements?.first?["text"]?.string == "the regex matches no tag")
        #expect(json["hooks"]?.elements?.last?["ignored"]?.bool == true)
        #expect(json["run"]?["status"]?.string == "failure")
    }

    @Test("Every code of a failure is one that the schema knows", arguments: FailureCode.allCases)
    func codes(code: FailureCode) throws {
        var report = SyncReport()
        report.rows = [try Sample.row(.failed, reason: "it broke")]
        report.rows[0].code = code
        #expect(try problems(ReportDocument(report, started: started).text) == [])
    }

    @Test(
        "A failing hook makes the run a failure unless it is ignored",
        arguments: [(false, "failure"), (true, "success")]
    )
    func hookStatus(isIgnored: Bool, status: String) throws {
        let hook = ReportDocument.Hook(entry: nil, name: "h", failure: "exit code 1", isIgnored: isIgnored)
        let text = ReportDocument(SyncReport(), started: started, hooks: [hook]).text
        #expect(try JSONValue(parsing: Array(text.utf8))["run"]?["status"]?.string == status)
    }

    @Test("Control and direction characters come out escaped, and come back as they were")
    func hostileText() throws {
        let hostile = "\u{1B}]0;x\u{7}\r\n\u{9B}2J\u{202E}\u{2028}\u{E0041}\"\\\u{0}é日"
        var report = SyncReport()
        report.rows = [try Sample.row(.failed, reason: hostile)]
        let text = ReportDocument(report, started: started).text
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || !$0.isUnsafeToDisplay })
        let row = try JSONValue(parsing: Array(text.utf8))["rows"]?.elements?.first
        #expect(row?["reason"]?.string == hostile)
    }

    @Test(
        "The schema refuses what is no report",
        arguments: [
            (#""version": 1"#, #""version": 2"#), (#""status": "synced""#, #""status": "done""#),
            (#""pushed": 0"#, #""pushed": -1"#), ("2026-01-01T", "2026-01-01 "), (#""entry": 0"#, #""entry": "0""#),
            (#""reason": null"#, #""reasons": null"#), ("4.200", "\"4.2s\""), ("sha256:ab", "sha256:AB"),
        ]
    )
    func invalid(right: String, wrong: String) throws {
        var report = try Sample.report()
        report.rows = [try Sample.row(.synced, digest: try Digest(digest))]
        let text = ReportDocument(report, started: started).text
        #expect(text.contains(right))
        #expect(try !problems(text.replacing(right, with: wrong)).isEmpty)
    }

    @Test("A report's file is replaced whole, and only its owner reads it")
    func file() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "imglife-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appending(path: "report.json").path
        try await ReportFile.write(String(repeating: "old", count: 1000), to: path)
        try await ReportFile.write("new\n", to: path)
        #expect(try Data(contentsOf: URL(filePath: path)) == Data("new\n".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["report.json"])
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("A report that can't be written leaves nothing behind and names the file")
    func unwritableFile() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "imglife-\(UUID().uuidString)")
        let path = directory.appending(path: "report.json")
        try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let error = await #expect(throws: ReportFileError.self) { try await ReportFile.write("text", to: path.path) }
        #expect(error?.description == "cannot write the report \(path.path): Is a directory")
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["report.json"])
    }
}
