import OCI
import Sync
import Testing

@testable import imglife

/// What is planned for `plan --explain`.
@Suite(.timeLimit(.minutes(5)))
struct ExplainedEntriesTests {
    @Test(
        "With a tag's entries go those that have the same target, by either of its names",
        arguments: ["r.test", "r.test:443"],
        ["r.test", "r.test:443"]
    )
    func sharedTarget(own: String, other: String) throws {
        let entries = [("a.test/x", "\(own)/down"), ("b.test/x", "\(other)/down"), ("c.test/x", "r.test/away")].map {
            "{source: '\($0)', target: '\($1)', tag_regex: ., os_normalize: true}"
        }
        let text = "sync: {entries: [\(entries.joined(separator: ", "))]}"
        let configuration = try Configuration(yaml: text, file: "imglife.yaml")
        let tag = try ImageReference("a.test/x:1")
        #expect(configuration.entries(explaining: tag, among: [0, 1, 2]) == [0, 1])
        #expect(configuration.entries(explaining: tag, among: [1, 2]).isEmpty)
    }
}
