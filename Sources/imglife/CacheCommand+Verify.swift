import ArgumentParser
import Cache
import OCI

/// `imglife cache verify`.
struct CacheVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Hash every blob again and put aside what is wrong.",
        discussion:
            "The next sync of an affected image downloads it again. Exit codes: 0 all sound; 1 something is bad."
    )

    @ParentCommand var parent: Imglife

    @Option(help: "Text, or one JSON document.")
    var output = CacheCommand.Output.text

    func run() async throws {
        try await CacheAccess.run(parent.options) { [output] cache, _ in
            let report = try await cache.verify()
            switch output {
            case .text: try StandardOutput.write(Self.text(report))
            case .json: try StandardOutput.write(CacheDocument.text(Document(report)))
            }
            if !report.findings.isEmpty { throw Failure.failed }
        }
    }

    private static func text(_ report: VerificationReport) -> String {
        let findings = report.findings.map { finding in
            let affected = finding.affected.map(\.description).joined(separator: ", ")
            return "\(finding.fault.rawValue) \(finding.digest): \(affected.isEmpty ? "no tag needs it" : affected)\n"
        }
        let blobs = "\(report.blobs) \(report.blobs == 1 ? "blob" : "blobs")"
        return findings.joined() + "verified \(blobs), \(ByteCount(report.bytes)); \(report.findings.count) bad\n"
    }

    private struct Document: Encodable {
        let blobs: Int
        let bytes: Int64
        let bad: [Finding]

        init(_ report: VerificationReport) {
            blobs = report.blobs
            bytes = report.bytes
            bad = report.findings.map(Finding.init)
        }
    }

    private struct Finding: Encodable {
        let digest: String
        let fault: String
        let affected: [String]

        init(_ finding: VerificationReport.Finding) {
            digest = finding.digest.description
            fault = finding.fault.rawValue
            affected = finding.affected.map(\.description)
        }
    }
}
