import Glibc
import OCI
import TestSupport
import Testing

/// What a terminal should show: the text of a file below `Golden`.
///
/// With `IMGLIFE_RENEW_GOLDEN=1` the files are written anew instead; look at what has changed then.
struct Screen {
    let name: String
    let columns: Int

    private var file: String {
        let here = "/" + String(#filePath).split(separator: "/").dropLast().joined(separator: "/")
        return "\(here)/Golden/\(name)-\(columns).txt"
    }

    /// Compares a screen without what differs from run to run.
    func expect(_ lines: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let text = whole(lines).flatMap { rows(Self.constant($0)) }.map { $0 + "\n" }.joined()
        #expect(lines.count <= 40, "\(text)", sourceLocation: sourceLocation)
        #expect(lines.allSatisfy { $0.count <= columns }, "\(text)", sourceLocation: sourceLocation)
        if getenv("IMGLIFE_RENEW_GOLDEN") != nil { try Files.write(text, to: file) }
        #expect(text == (try? Files.text(file)), "\(file)\n\(text)", sourceLocation: sourceLocation)
    }

    /// The lines that were written: the terminal goes on with a long one in the next row.
    private func whole(_ rows: [String]) -> [String] {
        var lines: [String] = []
        var isOpen = false
        for row in rows {
            if isOpen { lines[lines.count - 1] += row } else { lines.append(row) }
            isOpen = row.count == columns
        }
        return lines
    }

    private func rows(_ line: String) -> [String] {
        line.count > columns ? [String(line.prefix(columns))] + rows(String(line.dropFirst(columns))) : [line]
    }

    /// Moments, lengths of time, rates, ports and the order of transfers are nobody's choice; what can be folded keeps its
    /// length.
    private static func constant(_ line: String) -> String {
        line.replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/, with: "YYYY-MM-DDThh:mm:ssZ")
            .replacing(#/app:1 [0-9a-f]{12} /#, with: "app:1 ############ ")
            .replacing(/127\.0\.0\.1:[0-9]{5}/, with: "127.0.0.1:#####")
            .replacing(/[0-9.]+ ([KM]i)?B\/s/, with: "# B/s")
            .replacing(/\b[0-9]+m[0-9]{2}s\b|\b[0-9]+(\.[0-9])?s\b/, with: "#s")
            // How far each of several is depends on who was read when, and an estimate is there once bytes have come.
            .replacing(/[━─]+( +)[0-9.]+\/([0-9.]+ [KM]iB +)[0-9]{2}%/) { bar in
                String(repeating: "━", count: bar.output.0.count { "━─".contains($0) })
                    + "\(bar.output.1)#.#/\(bar.output.2)##%"
            }
            .replacing(/(^[0-9]+ of [0-9]+ tags? · )[0-9.]+ ([KM]iB)( · # B\/s)? · #s( · ETA #s)?$/) {
                "\($0.output.1)#.# \($0.output.2) · # B/s · #s · ETA #s"
            }
    }
}
