import Cache
import OCI

extension CachePage {
    /// What stands above the list: what there is, what was done, and what is being done.
    func overview(of snapshot: PageSnapshot, now: Int64) -> PageView.Overview {
        let running = source.downloads()
        let further = running.count - Self.downloadsListed
        return PageView.Overview(
            holdings: holdings(snapshot),
            activity: activity(),
            started: PageView.Moment(PageTime(startedAt, now: now)),
            downloads: running.prefix(Self.downloadsListed).map(PageView.Download.init),
            furtherDownloads: further > 0 ? "and \(further) more" : nil,
            hasDownloads: !running.isEmpty
        )
    }

    /// - Returns: `nil` where nothing is shared.
    func sentence(_ usage: CacheUsage) -> String? {
        guard usage.savedBytes > 0 else { return nil }
        let held = ByteCount(usage.bytes - usage.unreferencedBytes)
        return "\(held) in the cache stand for \(ByteCount(usage.logicalBytes)) of images."
    }

    private func holdings(_ snapshot: PageSnapshot) -> [PageView.Figure] {
        let usage = snapshot.usage
        var figures = [
            PageView.Figure(label: "Repositories", value: Self.grouped(Int64(snapshot.repositories.count))),
            PageView.Figure(label: "Tags", value: Self.grouped(Int64(usage.tags))),
            PageView.Figure(label: "Blobs", value: Self.grouped(Int64(usage.blobs))),
            PageView.Figure(label: "On the disk", value: "\(ByteCount(usage.bytes))"),
            PageView.Figure(label: "Images in full", value: "\(ByteCount(usage.logicalBytes))"),
            PageView.Figure(label: "Saved by sharing", value: "\(ByteCount(max(0, usage.savedBytes)))"),
        ]
        if let free = snapshot.freeBytes {
            figures.append(PageView.Figure(label: "Free disk space", value: "\(ByteCount(free))"))
        }
        return figures
    }

    private func activity() -> [PageView.Figure] {
        let totals = source.traffic()
        let statistics = source.statistics()
        return [
            PageView.Figure(label: "Requests", value: Self.grouped(totals.requests)),
            PageView.Figure(label: "Sent", value: "\(ByteCount(totals.sentBytes))"),
            PageView.Figure(label: "Blobs from the cache", value: Self.grouped(totals.blobHits)),
            PageView.Figure(label: "Blobs not in it", value: Self.grouped(totals.blobMisses)),
            PageView.Figure(label: "Blobs downloaded", value: Self.grouped(Int64(statistics.downloads))),
            PageView.Figure(label: "Downloaded", value: "\(ByteCount(statistics.downloadedBytes))"),
        ]
    }

    /// With a thin space between thousands: `100 000`.
    static func grouped(_ number: Int64) -> String {
        var digits = String(number)
        var position = digits.count - 3
        while position > 0 {
            digits.insert("\u{202F}", at: digits.index(digits.startIndex, offsetBy: position))
            position -= 3
        }
        return digits
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
