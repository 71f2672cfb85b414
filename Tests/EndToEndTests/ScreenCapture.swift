import Glibc
import OCI
import TestSupport
import Testing

/// What a screen should show: the text of a file below `Captures`.
///
/// With `IMGLIFE_RECORD_CAPTURES=1` the files are written instead; look at what has changed then.
struct ScreenCapture {
    private let name: String
    private let columns: Int
    private let source: String
    private let target: String

    init(_ name: String, columns: Int, _ mirror: Mirror) {
        self.name = name
        self.columns = columns
        source = mirror.upstream.host.description
        target = mirror.target.host.description
    }

    private var file: String {
        let here = "/" + String(#filePath).split(separator: "/").dropLast().joined(separator: "/")
        return "\(here)/Captures/\(name)-\(columns).txt"
    }

    /// Compares a screen without what differs from run to run.
    func expect(_ lines: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let text = plain(lines)
        #expect(lines.count <= 40, sourceLocation: sourceLocation)
        #expect(lines.allSatisfy { $0.count <= columns }, sourceLocation: sourceLocation)
        if getenv("IMGLIFE_RECORD_CAPTURES") != nil { try Files.write(text, to: file) }
        #expect(text == (try? Files.text(file)), "\(file)", sourceLocation: sourceLocation)
    }

    /// Hosts keep their length, because lines are folded where they end.
    private func plain(_ lines: [String]) -> String {
        func padded(_ name: String, like host: String) -> String {
            name + String(repeating: "_", count: max(0, host.count - name.count))
        }
        return lines.map { line in
            line.replacing(source, with: padded("SOURCE", like: source))
                .replacing(target, with: padded("TARGET", like: target))
                .replacing(/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/, with: "TIME")
                .replacing(/\b[0-9]+m[0-9]{2}s|\b[0-9]+(\.[0-9])?s\b/, with: "#s")
                .replacing(/[0-9.]+ ([KM]i)?B\b/, with: "# B")
                // Which tags end first is nobody's choice.
                .replacing(/^✓ app:10\.[0-9]+\.0  [0-9a-f]{12}/, with: "✓ app:10.#.0  ############")
                + "\n"
        }
        .joined()
    }
}
