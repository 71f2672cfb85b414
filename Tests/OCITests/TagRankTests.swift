import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct TagRankTests {
    private static let signature = "sha256-\(String(repeating: "f", count: 64)).sig"

    @Test(
        "Versions come first, the highest of them before all, then other tags, and last what referrers are kept under",
        arguments: [
            ["3.21.3", "3.21", "3.9", "3.9-slim", "3", "latest", "edge", signature],
            ["3.14.0", "3.14.0-slim", "3.14.0rc2", "3.14.0rc1", "3.9"],
            ["v10", "v9", "v1"], ["2024.10.01", "2024.9.30"], ["1.07", "1.6"], ["01.6", "1.6"],
            ["x119", "x20", "x3", "latest"],
        ]
    )
    func order(names: [String]) throws {
        let tags = try names.map { try TagName($0) }
        for _ in 0..<20 { #expect(TagRank.sorted(tags.shuffled()) { $0 } == tags) }
    }

    @Test("What has no tag follows, in the order that it had")
    func untagged() throws {
        let (old, new) = (try TagName("1"), try TagName("2"))
        let items: [(TagName?, Int)] = [(nil, 1), (old, 2), (nil, 3), (new, 4)]
        #expect(TagRank.sorted(items, by: \.0).map(\.1) == [4, 2, 1, 3])
    }
}
