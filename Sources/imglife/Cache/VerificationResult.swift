import Cache
import OCI
import Sync

/// What `imglife cache verify` tells.
struct VerificationResult: Encodable {
    struct Finding: Encodable {
        let digest: String
        let fault: String
        let affected: [String]
        /// `repaired`, `unrepaired` or `unneeded`; left out when nothing was to be repaired.
        var outcome: String?
        /// Where it was fetched from, or why it was not.
        var detail: String?
    }

    let version = 1
    let blobs: Int
    let bytes: Int64
    /// Hashed by the verification that this one continues.
    let skipped: Int
    /// Why it did not come to the end.
    let stopped: String?
    let bad: [Finding]
    /// Of the bad ones; left out when nothing was to be repaired.
    let repaired: Int?
    /// Those that tags still lack; left out when nothing was to be repaired.
    let unrepaired: Int?

    /// Joins what was found with what became of it; `repair` is `nil` when nothing was to be repaired.
    init(_ report: VerificationReport, _ repair: RepairReport?) {
        blobs = report.blobs
        bytes = report.bytes
        skipped = report.skipped
        stopped = report.stop?.name
        bad = repair?.rows.map(Finding.init) ?? report.findings.map(Finding.init)
        repaired = repair.map { $0.rows.count { $0.outcome.name == "repaired" } }
        unrepaired = repair.map { $0.rows.count { $0.outcome.name == "unrepaired" } }
    }

    /// Whether the process is to end with 1.
    var isBad: Bool { unrepaired ?? bad.count > 0 || stopped == VerificationReport.Stop.failingDisk.name }

    /// The result for people, whose lines are cut at a terminal's width; `nil` cuts nothing.
    func text(columns: Int?) -> String {
        var lines = bad.map { finding in columns.map { ColumnText.cutEnd(finding.line, $0) } ?? finding.line }
        let continued = skipped > 0 ? " (\(skipped) were verified before)" : ""
        var summary =
            "verified \(blobs) \(blobs == 1 ? "blob" : "blobs"), \(ByteCount(bytes))\(continued); \(bad.count) bad"
        if let repaired, let unrepaired { summary += ", \(repaired) repaired, \(unrepaired) unrepaired" }
        lines.append(summary)
        switch stopped {
        case VerificationReport.Stop.duration.name: lines.append("the time is over; the next verification goes on here")
        case nil: break
        default: lines.append("stopped, because several files could not be read: check the disk")
        }
        return lines.map { $0 + "\n" }.joined()
    }
}

extension VerificationResult.Finding {
    init(_ finding: VerificationReport.Finding) {
        digest = finding.digest.description
        fault = finding.fault.rawValue
        affected = finding.affected.map(\.description)
    }

    init(_ row: RepairReport.Row) {
        digest = row.digest.description
        fault = row.fault.rawValue
        affected = row.affected.map(\.description)
        outcome = row.outcome.name
        switch row.outcome {
        case .repaired(let place): detail = place
        case .unrepaired(let reason): detail = reason
        case .unneeded: break
        }
    }

    fileprivate var line: String {
        let tags = affected.isEmpty ? "no tag needs it" : affected.joined(separator: ", ")
        let end =
            switch outcome {
            case "repaired": "; repaired from \(detail ?? "")"
            case "unrepaired": "; not repaired: \(detail ?? "")"
            case "unneeded": "; not to be had again"
            default: ""
            }
        return "\(fault) \(digest): \(tags)\(end)"
    }
}

extension RepairReport.Outcome {
    fileprivate var name: String {
        switch self {
        case .repaired: "repaired"
        case .unrepaired: "unrepaired"
        case .unneeded: "unneeded"
        }
    }
}

extension VerificationReport.Stop {
    fileprivate var name: String {
        switch self {
        case .duration: "duration"
        case .failingDisk: "failing_disk"
        }
    }
}
