import OCI
import Testing

@testable import Sync
@testable import imglife

/// The line of a tag that was copied, above the bars.
@Suite(.timeLimit(.minutes(10)))
struct FinishedLineTests {
    private static func lines(_ name: String, columns: Int) throws -> [String] {
        var bytes = ByteTally()
        bytes.pushed = 30_513_562
        var row = try Sample.row(
            .synced,
            digest: Digest("sha256:4bf5122f3445" + String(repeating: "0", count: 52)),
            bytes: bytes
        )
        row.duration = .milliseconds(4200)
        let finished = SyncProgress.Finished(name: name, row: row)
        return FinishedLine(finished: finished).text(columns: columns).split(separator: "\n").map(String.init)
    }

    @Test("What fits stands in one line")
    func one() throws {
        #expect(try Self.lines("alpine:3.21", columns: 79) == ["✓ alpine:3.21  4bf5122f3445  29.1 MiB in 4.2s"])
    }

    @Test("A name is never cut: what follows it, and the rest of a long one, stand in the next lines")
    func more() throws {
        let lines = try Self.lines("alpine:3.21", columns: 39)
        #expect(lines == ["✓ alpine:3.21  4bf5122f3445  29.1 MiB", "  in 4.2s"])
        let name = "alpine:" + String(repeating: "x-", count: 60)
        let long = try Self.lines(name, columns: 39)
        #expect(long.allSatisfy { $0.count <= 39 })
        #expect(long.joined().filter { $0 != " " }.hasPrefix("✓" + name), "\(long)")
    }
}
