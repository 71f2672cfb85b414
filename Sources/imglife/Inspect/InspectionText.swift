import OCI

/// What `imglife inspect` tells, for people.
struct InspectionText {
    private static let textLimit = 2048

    private let image: InspectionDocument
    private let columns: Int?

    /// At a terminal's width lines are cut; without one digests are whole too.
    init(_ image: InspectionDocument, columns: Int?) {
        self.image = image
        self.columns = columns
    }

    /// Ends in a line feed.
    var text: String {
        (head + table + sections).map { line in
            let safe = line.displaySafe(limit: Self.textLimit)
            return (columns.map { ColumnText.cutEnd(safe, $0) } ?? safe) + "\n"
        }.joined()
    }

    private var head: [String] {
        let incomplete = "in parts: the rest was never asked for, or is missing"
        return [
            row("Name", image.reference),
            row("Digest", image.digest),
            row("Type", image.mediaType),
            row("In the cache", image.isWhole ? "whole" : incomplete),
            row("Stored", image.storedAt.map(time) ?? "unknown"),
            row("Last use", image.lastUse.map(time) ?? "unknown"),
            row("From", image.sources.isEmpty ? "an archive, or unknown" : image.sources.joined(separator: ", ")),
        ] + image.names.filter { $0 != image.reference }.map { row("Also named", $0) }
    }

    /// A line a platform.
    private var table: [String] {
        var cells = [["PLATFORM", "SIZE", "LAYERS", "CREATED", "DIGEST"]]
        cells += image.manifests.map { manifest in
            [
                manifest.platform ?? "-", manifest.bytes.map { "\(ByteCount($0))" } ?? "-",
                manifest.layers.map { "\($0.count)" } ?? "-", manifest.created.map { String($0.prefix(10)) } ?? "-",
                short(manifest.digest) + (manifest.isWhole ? "" : " (in parts)"),
            ]
        }
        let widths = cells[0].indices.map { column in cells.map { $0[column].unicodeScalars.count }.max() ?? 0 }
        return [""]
            + cells.map { row in
                row.indices.map { column in
                    switch column {
                    case 1, 2: ColumnText.right(row[column], widths[column])
                    case 4: row[column]
                    default: ColumnText.fitted(row[column], widths[column])
                    }
                }.joined(separator: "  ")
            }
    }

    private var sections: [String] {
        let referrers = image.referrers.map { "\(short($0.digest))  \($0.artifactType ?? $0.mediaType)" }
        let history = image.history.map { period in
            "\(short(period.digest))  since \(time(period.since))" + (period.until.map { ", until \(time($0))" } ?? "")
        }
        return layers + section("Labels", labels) + section("Annotations", pairs(image.annotations))
            + section("Referrers", referrers) + section("History", history)
    }

    /// Of each platform, or of the only manifest.
    private var layers: [String] {
        image.manifests.flatMap { manifest in
            let title =
                "Layers" + (image.manifests.count > 1 ? " of \(manifest.platform ?? short(manifest.digest))" : "")
            let lines = (manifest.layers ?? []).map { layer in
                ColumnText.right("\(ByteCount(layer.size))", 11) + "  \(short(layer.digest))"
                    + (layer.isHere ? "" : " (not in the cache)")
            }
            return section(title, lines)
        }
    }

    /// Those of the first platform that has any: platforms of one image hardly differ in them.
    private var labels: [String] {
        pairs(image.manifests.lazy.compactMap(\.labels).first { !$0.isEmpty } ?? [:])
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        lines.isEmpty ? [] : ["", title] + lines.map { "  " + $0 }
    }

    private func pairs(_ values: [String: String]) -> [String] {
        values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }

    private func row(_ label: String, _ value: String) -> String { ColumnText.fitted(label, 14) + value }

    private func time(_ seconds: Int64) -> String { Timestamp(secondsSince1970: seconds).description }

    private func short(_ digest: String) -> String {
        guard columns != nil, let colon = digest.firstIndex(of: ":") else { return digest }
        return String(digest[...colon] + digest[digest.index(after: colon)...].prefix(12))
    }
}
