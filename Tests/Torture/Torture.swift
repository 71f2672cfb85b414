import FaultRig
import Glibc

/// All campaigns at their full length, and a table of what they found.
///
/// `Torture [--quick] [NAME…]`: all, or those whose names begin so.
@main
enum Torture {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.allSatisfy({ $0 == "--quick" || !$0.hasPrefix("-") }) else {
            say("usage: Torture [--quick] [NAME...]")
            exit(2)
        }
        let names = arguments.filter { $0 != "--quick" }
        let plan = Plan(scale: arguments.contains("--quick") ? 20 : 1)
        let start = ContinuousClock.now
        var all: [Figures] = []
        say(Table.head)
        for step in plan.steps where names.isEmpty || names.contains(where: { step.name.hasPrefix($0) }) {
            let begin = ContinuousClock.now
            let figures = try await step.run()
            all.append(figures)
            say(Table.row(step.name, figures, ContinuousClock.now - begin))
        }
        say(Table.summary(all, ContinuousClock.now - start))
        if !all.allSatisfy(\.isGood) { exit(1) }
    }

    /// Prints at once, because it takes long until there is more.
    private static func say(_ text: String) {
        let bytes = Array("\(text)\n".utf8)
        _ = write(1, bytes, bytes.count)
    }
}
