import Logging
import Output
import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct LogLineTests {
    private static let hex = String(repeating: "0123456789abcdef", count: 4)

    private static func line(_ format: GlobalOptions.LogFormat, _ level: Logger.Level, _ style: LogStyle) -> String {
        var output = LogOutput(format: format, level: .trace)
        output.style = style
        let line = output.line(level, "synced", ["digest": "sha256:\(hex)", "source": "a.io/b:1"])
        return String(line.drop { $0 != " " }.dropFirst())
    }

    @Test("In a file or a pipe everything is whole")
    func elsewhere() {
        let line = Self.line(.text, .info, LogStyle())
        #expect(line == "INFO synced digest=sha256:\(Self.hex) source=a.io/b:1\n")
    }

    @Test(
        "On a terminal digests are short, messages begin below each other, and levels are coloured",
        arguments: [
            (.info, "INFO   "), (.warning, "\u{1B}[33mWARNING\u{1B}[0m"), (.error, "\u{1B}[31mERROR  \u{1B}[0m"),
            (.debug, "\u{1B}[2mDEBUG  \u{1B}[0m"), (.notice, "\u{1B}[1mNOTICE \u{1B}[0m"),
        ] as [(Logger.Level, String)]
    )
    func terminal(level: Logger.Level, shown: String) {
        let rest = " synced                  digest=sha256:0123456789ab      source=a.io/b:1\n"
        #expect(Self.line(.text, level, LogStyle(isOnTerminal: true, isColoured: true)) == shown + rest)
        let plain = Self.line(.text, level, LogStyle(isOnTerminal: true))
        #expect(plain == shown.replacing(/\u{1B}\[[0-9]+m/, with: "") + rest)
    }

    @Test("On a terminal the pairs of lines of one kind begin below each other, whatever the length of their values")
    func columns() {
        var output = LogOutput(format: .text, level: .trace)
        output.style = LogStyle(isOnTerminal: true)
        func starts(_ message: String, _ method: String, _ took: String, _ url: String) -> [Int] {
            let fields: Logger.Metadata = [
                "method": "\(method)", "took": "\(took)", "url": "\(url)", "because": "a much longer text",
            ]
            let line = output.line(.debug, message, fields)
            return ["because=", "method=", "took=", "url="].compactMap { line.firstRange(of: $0) }
                .map { line.distance(from: line.startIndex, to: $0.lowerBound) }
        }
        let expected = starts("registry request", "GET", "5 ms", "https://quay.io/v2/")
        #expect(expected.count == 4)
        #expect(starts("decided", "HEAD", "125 ms", "http://a/") == expected)
        #expect(starts("registry request", "POST", "45 ms", "") == expected)
        // What is longer than its column moves what follows, by whole stops.
        let moved = starts("an upload was begun again from its start", "PATCH", "5 ms", "x")
        #expect(zip(moved, expected).allSatisfy { $0 > $1 && ($0 - $1) % 8 == 0 })
        #expect(output.line(.info, "stopped", [:]).hasSuffix("INFO    stopped\n"))
    }

    @Test("JSON is the same everywhere")
    func json() {
        let line = Self.line(.json, .info, LogStyle(isOnTerminal: true, isColoured: true))
        #expect(!line.contains("\u{1B}"))
        var output = LogOutput(format: .json, level: .info)
        output.style = LogStyle(isOnTerminal: true, isColoured: true)
        #expect(output.line(.info, "synced", ["digest": "sha256:\(Self.hex)"]).contains(Self.hex))
    }

    @Test(
        "A line of the access log is the same however it is made",
        arguments: [.text, .json] as [GlobalOptions.LogFormat],
        ["plain", "", "a b", "a\"b\\", "é", "line\nfeed\u{202E}", String(repeating: "x", count: 2000)]
    )
    func access(format: GlobalOptions.LogFormat, value: String) throws {
        var output = LogOutput(format: format, level: .info)
        output.style = LogStyle()
        var line = try #require(output.begin("answered"))
        line.add("agent", value)
        line.add("status", "200")
        let direct = line.finished()
        let metadata: Logger.Metadata = ["status": "200", "agent": .string(value)]
        let logged = output.line(.info, "answered", metadata)
        // The second may have passed in between.
        #expect(direct.dropFirst(32) == logged.dropFirst(32))
        #expect(direct.hasSuffix("\n") && direct.filter { $0 == "\n" }.count == 1)
        output.style.isOnTerminal = true
        #expect((output.begin("answered") == nil) == (format == .text))
    }
}
