import Testing

@testable import imglife

/// Which log lines somebody who watches a run is spared.
@Suite(.timeLimit(.minutes(10)))
struct LikeLinesTests {
    @Test("The first four with one message are shown, a word stands for the fifth, and messages count apart")
    func counts() {
        let lines = LikeLines()
        let verdicts = (0..<7).map { _ in lines.verdict("trying again") }
        #expect(verdicts == [.shown, .shown, .shown, .shown, .replaced, .leftOut, .leftOut])
        #expect(lines.verdict("another") == .shown)
    }
}
