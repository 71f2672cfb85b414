import Testing

/// A repository's filters, a list of its tags, and what the documentation of regsync says is copied of it.
struct RegsyncSelection: Sendable, CustomTestStringConvertible {
    let filters: String
    let tags: [String]
    let copied: [String]

    var testDescription: String { filters }
}

/// The converted file picks the tags that regsync picks.
@Suite(.timeLimit(.minutes(10)))
struct RegsyncSelectionTests {
    private static let lists = [
        // Expressions are bound to the whole tag.
        RegsyncSelection(
            filters: "tags: {allow: ['1.2']}",
            tags: ["1.2", "1.20", "v1.2", "1x2", "1.2-alpine"],
            copied: ["1.2", "1x2"]
        ),
        // Several of them: one has to match.
        RegsyncSelection(
            filters: "tags: {allow: [latest, edge, 'v[0-9\\.]+']}",
            tags: ["latest", "edge", "v1.0", "v1.0-rc", "edge-1", "not-latest"],
            copied: ["latest", "edge", "v1.0"]
        ),
        // Without any, all tags.
        RegsyncSelection(filters: "backup: old", tags: ["a", "1", "b.c-d_e"], copied: ["a", "1", "b.c-d_e"]),
        // deny alone leaves out.
        RegsyncSelection(
            filters: "tags: {deny: ['.*-rc.*', nightly]}",
            tags: ["1.0", "1.0-rc1", "nightly", "nightly-2"],
            copied: ["1.0", "nightly-2"]
        ),
        // A tag has to pass both.
        RegsyncSelection(
            filters: "tags: {allow: ['\\d+\\.\\d+(-alpine)?'], deny: ['1\\..*']}",
            tags: ["1.0", "2.0", "2.0-alpine", "1.9-alpine", "2.0-slim", "12.1"],
            copied: ["2.0", "2.0-alpine", "12.1"]
        ),
        RegsyncSelection(filters: "tags: {allow: [latest], deny: [dev]}", tags: ["latest", "dev"], copied: ["latest"]),
        // Ranges: only versions, compared by number; what stands behind a '-' comes before the version.
        RegsyncSelection(
            filters: "tags: {semverRange: ['>=1.2.3 <2.0.0']}",
            tags: ["1.2.3", "v1.2.3", "1.10.0", "1.2.3-alpine", "1.2.4-alpine", "2.0.0", "2.0.0-rc1", "latest", "1.2"],
            copied: ["1.2.3", "v1.2.3", "1.10.0", "1.2.4-alpine", "2.0.0-rc1"]
        ),
        // Two ranges: one has to hold.
        RegsyncSelection(
            filters: "tags: {semverRange: ['~1.2.0', '^3.1.0']}",
            tags: ["1.2.9", "1.3.0", "3.1.0", "3.9.9", "4.0.0", "3.0.9"],
            copied: ["1.2.9", "3.1.0", "3.9.9"]
        ),
        // A range and expressions: both have to hold.
        RegsyncSelection(
            filters: "tags: {semverRange: ['>=3.5.1 <4.0'], allow: ['v\\d+\\.\\d+\\.\\d+'], deny: ['.*7']}",
            tags: ["v3.5.1", "3.5.1", "v3.5.0", "v3.10.0", "v4.0.0", "v3.5.1-rc1", "v3.6.7", "v3.6", "vx"],
            copied: ["v3.5.1", "v3.10.0"]
        ),
        // Sets: one of them has to pass.
        RegsyncSelection(
            filters: """
                tagSets:
                      - allow: [latest, edge]
                      - {semverRange: ['>=2'], allow: ['v.*'], deny: ['v3\\..*']}
                """,
            tags: ["latest", "edge", "v2.0.0", "v3.1.0", "2.5.0", "v1.9.9", "v10"],
            copied: ["latest", "edge", "v2.0.0", "v10"]
        ),
        // Beside sets a filter of nothing is none.
        RegsyncSelection(
            filters: "tags: {}\n    tagSets: [{allow: ['1.*']}]",
            tags: ["1.0", "2.0", "latest"],
            copied: ["1.0"]
        ),
        RegsyncSelection(
            filters: "tags: {allow: [], deny: []}\n    tagSets: [{allow: ['1.*']}]",
            tags: ["1.0", "2.0", "latest"],
            copied: ["1.0"]
        ),
        RegsyncSelection(
            filters: "tags: {deny: ['.*-rc']}\n    tagSets: [{allow: ['1.*']}]",
            tags: ["1.0", "1.0-rc", "2.0", "2.0-rc"],
            copied: ["1.0", "1.0-rc", "2.0"]
        ),
    ]

    @Test("Lists of tags", arguments: lists)
    func selection(_ list: RegsyncSelection) throws {
        let converted = try Converted(
            """
            version: 1
            sync:
              - source: quay.io/a/b
                target: registry.example.com/b
                type: repository
                \(list.filters)
            """
        )
        #expect(try converted.tags(of: list.tags) == list.copied, "\(converted.text)")
    }
}
