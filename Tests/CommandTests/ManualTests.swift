import TestSupport
import Testing

@testable import imglife

/// The manual pages that packages bring.
@Suite(.timeLimit(.minutes(10)), .requires(.tool("python3")))
struct ManualTests {
    @Test("imglife(1) has every variable and exit status, and each page leads to those beside it")
    func pages() async throws {
        try await TemporaryDirectory.with { directory async throws in
            try await Tool.check("\(Repository.path)/deploy/manual.py", [Tool.builtProduct("imglife"), directory, "0"])
            let page = try Files.text("\(directory)/imglife.1").replacing("\\-", with: "-").replacing(
                "\\(aq",
                with: "'"
            )
            for variable in EnvironmentHelp.variables {
                #expect(page.contains("\\fB\(variable.name)\\fR\n\(variable.meaning.prefix(12))"), "\(variable.name)")
            }
            let guide = try Files.text("\(Repository.path)/docs/configuration.md")
            let statuses = guide.matches(of: /(?m)^\| ((?:\d+, )*\d+) \|/)
                .flatMap { $0.output.1.split(separator: ", ") }
            #expect(statuses.count > 5)
            for status in statuses { #expect(page.contains(status), "\(status)") }
            let beside = try Files.text("\(directory)/imglife-cache-gc.1").replacing("\\-", with: "-")
            for name in ["imglife", "imglife-sync", "imglife-cache", "imglife-cache-verify"] {
                #expect(beside.contains("\\fB\(name)\\fR(1)"), "\(name)")
            }
        }
    }
}
