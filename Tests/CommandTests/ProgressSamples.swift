import OCI

@testable import Sync

/// Snapshots as a run would leave them.
enum Sample {
    static func snapshot(
        tags: Int = 40,
        finished: Int = 12,
        failed: Int = 0,
        pending: Int = 0,
        bytes: Int64 = 1_288_490_189,
        transfers: [SyncProgress.Transfer] = []
    ) -> SyncProgress.Snapshot {
        SyncProgress.Snapshot(
            tags: tags,
            finishedTags: finished,
            failedTags: failed,
            pendingEntries: pending,
            bytes: bytes,
            transfers: transfers
        )
    }

    static func transfer(_ id: Int = 1, _ name: String, _ sent: Int64, of size: Int64) -> SyncProgress.Transfer {
        SyncProgress.Transfer(id: id, name: name, size: size, sent: sent)
    }

    static let transfers = [
        transfer(1, "1.22.3-alpine3.21 4bcff63911fc", 3_565_158, of: 30_513_562),
        transfer(2, "3.21.3 f18232174bc9", 1_073_741_823, of: 1_073_741_824),
        transfer(3, "latest 0123456789ab", 0, of: 0),
    ]

    static func row(
        _ status: SyncReport.Status,
        entry: Int = 0,
        tag: String? = "3.21.3",
        digest: Digest? = nil,
        bytes: ByteTally = ByteTally(),
        reason: String? = nil,
        drifted: Bool? = nil,
        referrers: Int = 0
    ) throws -> SyncReport.Row {
        var row = SyncReport.Row(
            entry: entry,
            route: SyncReport.Route(
                source: try RepositoryReference("docker.io/library/alpine"),
                target: try RepositoryReference("registry.example.com:5000/mirrors/alpine")
            ),
            sourceTag: try tag.map { try TagName($0) },
            targetTag: try tag.map { try TagName($0) },
            status: status
        )
        row.digest = digest
        row.sourceDigest = digest
        row.bytes = bytes
        row.reason = reason
        row.drifted = drifted
        row.referrers = referrers
        return row
    }

    static func report(synced: Int = 0, upToDate: Int = 0, failed: Int = 0) throws -> SyncReport {
        var report = SyncReport()
        report.rows += Array(repeating: try row(.synced), count: synced)
        report.rows += Array(repeating: try row(.upToDate), count: upToDate)
        report.rows += Array(repeating: try row(.failed, reason: "it broke"), count: failed)
        report.duration = .milliseconds(4200)
        return report
    }
}
