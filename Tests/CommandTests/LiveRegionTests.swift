import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct LiveRegionTests {
    @Test("Log lines stay above the live lines, whole and in order", arguments: [20, 40, 80, 300])
    func aboveTheBars(columns: Int) {
        var region = LiveRegion()
        var screen = Screen(columns: columns, rows: 6)
        var log: [String] = []
        for number in 1...30 {
            let bars = (0..<(number % 4)).map { "bar \($0) at \(number)" }
            if let text = region.replace(with: bars, columns: columns) { screen.write(text) }
            log.append("line \(number)")
            screen.write(region.insert("line \(number)\n", columns: columns))
            #expect(screen.lines == log + bars)
            #expect(screen.isCursorVisible)
        }
        if let text = region.replace(with: [], columns: columns) { screen.write(text) }
        #expect(screen.lines == log)
        #expect(!screen.hasWrapped)
        #expect(screen.unknown.isEmpty)
    }

    @Test("What does not change is not written again")
    func unchanged() {
        var region = LiveRegion()
        #expect(region.replace(with: [], columns: 40) == nil)
        #expect(region.replace(with: ["a"], columns: 40) != nil)
        #expect(region.replace(with: ["a"], columns: 40) == nil)
        #expect(region.replace(with: [], columns: 40) != nil)
        #expect(region.insert("text", columns: 40) == "text")
    }

    @Test("A line longer than the terminal is cut before the last column")
    func cut() {
        var region = LiveRegion()
        var screen = Screen(columns: 20, rows: 4)
        screen.write(region.replace(with: [String(repeating: "x", count: 50)], columns: 20) ?? "")
        #expect(screen.lines == [String(repeating: "x", count: 19)])
        #expect(!screen.hasWrapped)
    }

    @Test("An unfinished line is neither overwritten nor continued")
    func unfinishedLines() {
        var region = LiveRegion()
        var screen = Screen(columns: 20, rows: 6)
        screen.write(region.insert("before", columns: 20))
        screen.write(region.replace(with: ["bar"], columns: 20) ?? "")
        screen.write(region.insert("meanwhile", columns: 20))
        #expect(screen.lines == ["before", "meanwhile", "bar"])
    }

    @Test("A terminal that folds the lines when it becomes narrower keeps no rest of them")
    func narrower() {
        var region = LiveRegion()
        let bars = [String(repeating: "a", count: 30), String(repeating: "b", count: 30)]
        var wide = Screen(columns: 40, rows: 8)
        wide.write(region.insert("log\n", columns: 40))
        wide.write(region.replace(with: bars, columns: 40) ?? "")
        // The same content as a terminal of 20 columns holds it after folding.
        var narrow = Screen(columns: 20, rows: 8)
        narrow.write(wide.lines.joined(separator: "\n") + "\n")
        narrow.write(region.replace(with: ["short"], columns: 20) ?? "")
        #expect(narrow.lines == ["log", "short"])
    }
}
