import Cache
import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(1)))
struct GraceTextTests {
    @Test("Who has asked for no grace is not told to ask for it, but why something stays")
    func grace() throws {
        var kept = RecentGarbage()
        (kept.blobs, kept.bytes, kept.until) = (2, 3000, 1_800_000_000)
        let text = try #require(GraceText(kept))
        let hint = "'--grace 0s' removes them at once\n"
        #expect(text.line(ofCollectionWithin: nil).hasSuffix("'imglife cache gc' removes them then; " + hint))
        #expect(text.line(ofCollectionWithin: .seconds(7200)).hasSuffix("because they were used lately; " + hint))
        #expect(
            text.line(ofCollectionWithin: .zero).hasSuffix(
                "because the clock was ahead when they were used, or is behind now\n"
            )
        )
        kept.blobs = 1
        #expect(
            GraceText(kept)?.line(ofCollectionWithin: .seconds(1)).hasSuffix(
                "because it was used lately; '--grace 0s' removes it at once\n"
            ) == true
        )
    }
}
