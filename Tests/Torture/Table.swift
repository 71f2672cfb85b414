import FaultRig

/// The figures as text.
enum Table {
    private static let widths = [11, 42, 7, 8, 6, 8, 8]

    static var head: String {
        line(["", "CAMPAIGN", "CASES", "CORRUPT", "LOST", "REPAIRS", "SECONDS"], "RESULT")
    }

    static func row(_ name: String, _ figures: Figures, _ time: Duration) -> String {
        let counts = [figures.cases, figures.corrupt, figures.lost, figures.repairs].map(String.init)
        let first = line([name, figures.name] + counts + ["\(time.components.seconds)"], result(figures))
        return ([first] + figures.problems.map { "    ✗ \($0)" }).joined(separator: "\n")
    }

    private static func result(_ figures: Figures) -> String {
        let remark = figures.remark.isEmpty ? "" : " (\(figures.remark))"
        if let reason = figures.skipped { return "skipped: \(reason)" }
        if let caught = figures.caught { return "\(caught > 0 ? "caught \(caught)×" : "NOT CAUGHT")\(remark)" }
        return (figures.isGood ? "good" : "\(max(1, figures.problemCount)) PROBLEMS") + remark
    }

    static func summary(_ all: [Figures], _ time: Duration) -> String {
        let controls = all.filter { $0.caught != nil }
        let work = all.filter { $0.caught == nil }
        let sum = { (path: KeyPath<Figures, Int>) in work.reduce(0) { $0 + $1[keyPath: path] } }
        return """

            \(sum(\.cases)) cases in \(time.components.seconds) s: \(sum(\.corrupt)) corrupt, \(sum(\.lost)) lost, \
            \(sum(\.repairs)) manual repairs, \(sum(\.problemCount)) problems; \
            \(controls.count { $0.isGood }) of \(controls.count) controls caught; \
            \(all.count { $0.skipped != nil }) skipped
            """
    }

    private static func line(_ cells: [String], _ last: String) -> String {
        let padded = zip(cells, widths).enumerated().map { column, pair in
            let padding = String(repeating: " ", count: max(0, pair.1 - pair.0.count))
            return column < 2 ? pair.0 + padding : padding + pair.0
        }
        return (padded + [last]).joined(separator: "  ")
    }
}
