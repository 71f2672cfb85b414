import Archive
import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct ImportOutcomeTests {
    private func text(_ change: (inout ImportReport) -> Void) -> String {
        var report = ImportReport()
        change(&report)
        var text = ""
        ImportOutcome("a.tar", report).forEachText { text += $0 }
        return text
    }

    @Test(
        "What refers to an image and was left out is told by its name",
        arguments: [
            (1, "; 'x:1.sig', which refers to an image, is not whole or cannot be used and is left out\n"),
            (
                4,
                "; 4 names of what refers to images are not whole or cannot be used and are left out: "
                    + "'x:1.sig', 'x:2.sig', 'x:3.sig', …\n"
            ),
        ]
    )
    func unusable(count: Int, expected: String) {
        #expect(text { $0.unusable = (1...count).map { "x:\($0).sig" } }.hasSuffix(expected))
    }
}
