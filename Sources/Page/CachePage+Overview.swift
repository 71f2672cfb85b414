import Cache
import OCI

extension CachePage {
    private static let downloadsListed = 50
    private static let runsListed = 10
    private static let failuresListed = 20

    /// What stands below the list: what there is, what is being done, and what was done.
    func overview(of snapshot: PageSnapshot, _ runs: PageRuns?, now: Int64) -> PageView.Overview {
        let running = source.downloads()
        let further = running.count - Self.downloadsListed
        return PageView.Overview(
            figures: holdings(snapshot) + activity(),
            started: PageView.Moment(PageTime(startedAt, now: now)),
            alerts: alerts(running.count, runs),
            downloads: running.prefix(Self.downloadsListed).map(PageView.Download.init),
            furtherDownloads: further > 0 ? "and \(further) more" : nil,
            hasDownloads: !running.isEmpty,
            isBusy: !running.isEmpty || runs?.isRunning == true,
            hasRuns: runs != nil,
            noRuns: runs?.ended.isEmpty == true,
            runs: runs?.ended.prefix(Self.runsListed).map { run($0, now: now) } ?? []
        )
    }

    /// What people should see first.
    private func alerts(_ downloads: Int, _ runs: PageRuns?) -> [PageView.Alert] {
        var alerts: [PageView.Alert] = []
        if let last = runs?.ended.first, last.problem != nil || !last.failures.isEmpty {
            let text = last.problem == nil ? "failed for \(Self.counted(last.failures.count, "tag", "tags"))" : "failed"
            alerts.append(PageView.Alert(alertKind: "ended", alertLink: "#syncs", text: "The last sync \(text)"))
        }
        if runs?.isRunning == true {
            alerts.append(PageView.Alert(alertKind: "quiet", alertLink: "#syncs", text: "A sync is running"))
        }
        if downloads > 0 {
            let text = "\(Self.counted(downloads, "download is", "downloads are")) running"
            alerts.append(PageView.Alert(alertKind: "quiet", alertLink: "#running", text: text))
        }
        return alerts
    }

    private func holdings(_ snapshot: PageSnapshot) -> [PageView.Pair] {
        let usage = snapshot.usage
        var figures = [
            PageView.Pair(label: "Repositories", value: Self.grouped(Int64(snapshot.repositories.count))),
            PageView.Pair(label: "Tags", value: Self.grouped(Int64(usage.tags))),
            PageView.Pair(label: "Blobs", value: Self.grouped(Int64(usage.blobs))),
            PageView.Pair(label: "On the disk", value: "\(ByteCount(usage.bytes))"),
            PageView.Pair(label: "Images in full", value: "\(ByteCount(usage.logicalBytes))"),
            PageView.Pair(label: "Saved by sharing", value: "\(ByteCount(usage.savedBytes))"),
        ]
        if usage.partials > 0 {
            let text = "\(Self.grouped(Int64(usage.partials))), \(ByteCount(usage.partialBytes))"
            figures.append(PageView.Pair(label: "Interrupted downloads", value: text))
        }
        if usage.staged > 0 {
            let text = "\(Self.grouped(Int64(usage.staged))), \(ByteCount(usage.stagedBytes))"
            figures.append(PageView.Pair(label: "Staged by imports", value: text))
        }
        if let free = snapshot.freeBytes {
            figures.append(PageView.Pair(label: "Free disk space", value: "\(ByteCount(free))"))
        }
        return figures
    }

    private func activity() -> [PageView.Pair] {
        let totals = source.traffic()
        let statistics = source.statistics()
        return [
            PageView.Pair(label: "Requests", value: Self.grouped(totals.requests)),
            PageView.Pair(label: "Sent", value: "\(ByteCount(totals.sentBytes))"),
            PageView.Pair(label: "Blobs from the cache", value: Self.grouped(totals.blobHits)),
            PageView.Pair(label: "Blobs not in it", value: Self.grouped(totals.blobMisses)),
            PageView.Pair(label: "Blobs downloaded", value: Self.grouped(Int64(statistics.downloads))),
            PageView.Pair(label: "Downloaded", value: "\(ByteCount(statistics.downloadedBytes))"),
        ]
    }

    private func run(_ run: PageRun, now: Int64) -> PageView.Run {
        let further = run.failures.count - Self.failuresListed
        let failures = run.failures.prefix(Self.failuresListed).map { failure in
            PageView.Failure(
                place: "\(failure.repository.listedName)\(failure.tag.map { ":\($0)" } ?? "")",
                reason: failure.reason.displaySafe(limit: 500)
            )
        }
        return PageView.Run(
            began: PageView.Moment(PageTime(run.began, now: now)),
            lasted: PageTime(run.began, now: run.ended).span,
            result: "\(Self.counted(run.tags, "tag", "tags")), \(Self.grouped(Int64(run.synced))) synced",
            failed: run.failures.isEmpty ? nil : "\(Self.grouped(Int64(run.failures.count))) failed",
            problem: run.problem?.displaySafe(limit: 500),
            failures: failures,
            furtherFailures: further > 0 ? "and \(further) more" : nil
        )
    }
}

extension PageView.Download {
    init(_ download: RunningDownload) {
        cutDigest = download.digest.short
        wholeDigest = download.digest.description
        place = download.place.displaySafe
        size = max(1, download.size)
        arrived = min(max(0, download.arrived), download.size)
        share = "\(ByteCount(download.arrived, of: download.size))"
    }
}
