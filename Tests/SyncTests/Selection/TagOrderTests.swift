import FoundationEssentials
import OCI
import Sync
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct TagOrderTests {
    /// Lists as registries hold them, newest first.
    static let lists: [[String]] = [
        // alpine
        ["20240606", "3.21.3", "3.21.2", "3.21.0", "3.21", "3.20.10", "3.20.9", "3.9.6", "3", "2.7", "latest", "edge"],
        // golang
        [
            "1.24.0", "1.24", "1.24-bookworm", "1.24-alpine3.21", "1.24-alpine3.9", "1.24-alpine", "1.24rc2",
            "1.24rc2-alpine3.21", "1.24rc1", "1.24beta1", "1.23.10", "1.23.9", "1", "latest", "bookworm", "alpine",
        ],
        // node
        [
            "22.14.0", "22.14.0-slim", "22.14.0-bookworm", "22.14.0-bookworm-slim", "22.14.0-alpine3.21", "22", "8.9",
            "lts", "jod",
        ],
        // ubuntu
        ["24.10", "24.04", "22.04", "20.04", "8.04", "rolling", "jammy", "focal"],
        // postgres
        [
            "17.4", "17.4-bookworm", "17.4-alpine", "17.0", "17", "17rc1", "17beta3", "17beta1", "16.10", "16.8",
            "9.6.24",
        ],
        // nginx
        [
            "1.27.4", "1.27.4-perl", "1.27.4-otel", "1.27.4-alpine", "1.27.4-alpine-slim", "1.26.3", "stable",
            "mainline",
        ],
        // dotnet
        [
            "9.0.2", "9.0.2-noble", "9.0.2-alpine3.21", "9.0", "9.0.0-rc.2", "9.0.0-rc.1", "9.0.0-preview.7",
            "9.0.0-preview.6",
        ],
        // k3s
        ["v1.30.10-k3s1", "v1.30.2-k3s10", "v1.30.2-k3s2", "v1.30.2-k3s1", "v1.30.2-rc1-k3s1", "v1.9.0-k3s1"],
        // dates
        ["2024.10.01", "2024.2.15", "2024.01.15"], ["20240215", "20240101", "20231231"],
        ["2024-02-15", "2024-01-15", "2024-01-02"],
        // stages
        [
            "1.0.0-1", "1.0.0", "1.0.0-rc.10", "1.0.0-rc.2", "1.0.0-RC1", "1.0.0-M2", "1.0.0-M1", "1.0.0-beta.11",
            "1.0.0-beta.2", "1.0.0-beta", "1.0.0-alpha.1", "1.0.0-alpha", "1.0.0-alpha.beta", "1.0.0-SNAPSHOT",
        ],
        ["3.14.0", "3.14.0rc1", "3.14.0b2", "3.14.0b1", "3.14.0a7", "3.14.0a1"],
        // four parts and beyond
        ["1.2.3.10", "1.2.3.9", "1.2.3", "1.2", "1.1.99.5"], ["1.2.3.4.10", "1.2.3.4.9", "1.2.3.4"],
        // builds
        ["8.0-debian-12-r10", "8.0-debian-12-r9", "8.0-debian-11-r99"],
        ["1.0-20240612", "1.0-2", "1.0-1", "1.0", "1.0-slim"],
        // numbers of any length
        ["1.99999999999999999999999", "1.99999999999999999999998", "1.2"],
        // commit hashes are no versions
        ["1.0", "edge", "9e8d7c6b5a", "7f3c2a1"],
    ]

    @Test("Tags of the common styles come newest first, however they were listed", arguments: lists)
    func order(list: [String]) throws {
        let tags = try list.map { ListedTag(name: try TagName($0)) }
        #expect(TagOrder.sorted(tags).map(\.name.description) == list)
        #expect(TagOrder.sorted(tags.reversed()).map(\.name.description) == list)
        var random = SplitMix(state: 7)
        for _ in 0..<20 {
            #expect(TagOrder.sorted(tags.shuffled(using: &random)).map(\.name.description) == list)
        }
    }

    @Test("Equal versions go by name, whatever their letters")
    func ties() throws {
        let names = ["v1.2.3", "1.2.3", "V1.2.3", "1.02.3"]
        let sorted = TagOrder.sorted(try names.map { ListedTag(name: try TagName($0)) })
        #expect(sorted.map(\.name.description) == ["1.02.3", "1.2.3", "V1.2.3", "v1.2.3"])
    }

    @Test("Other tags go by date, those without one last, then by name, highest first; dates do not move versions")
    func dates() throws {
        let tags = try [
            ("old", 1), ("new", 3), ("b-undated", nil), ("a-undated", nil), ("same-b", 2), ("same-a", 2), ("1.0", nil),
            ("2.0", 0),
            ("3.0", nil),
        ].map { name, time in
            ListedTag(name: try TagName(name), date: time.map { Date(timeIntervalSince1970: Double($0)) })
        }
        #expect(
            TagOrder.sorted(tags).map(\.name.description) == [
                "3.0", "2.0", "1.0", "new", "same-b", "same-a", "old", "b-undated", "a-undated",
            ]
        )
    }

    @Test("The order of versions is antisymmetric and transitive over all tags of the lists and random ones")
    func laws() throws {
        var random = SplitMix(state: 42)
        var names = Self.lists.flatMap { $0 }
        for _ in 0..<60 { names.append(Self.randomTag(&random)) }
        let versions = try names.compactMap { TagVersion(try TagName($0)) }
        for left in versions {
            #expect(!(left < left))
            for right in versions {
                #expect([left < right, right < left, left == right].count { $0 } == 1)
                if left == right { #expect(left.hashValue == right.hashValue) }
            }
        }
        for _ in 0..<60_000 {
            let (first, second, third) = (
                versions.randomElement(using: &random), versions.randomElement(using: &random),
                versions.randomElement(using: &random)
            )
            guard let first, let second, let third, first < second, second < third else { continue }
            #expect(first < third)
        }
    }

    @Test("Any shuffle of many random tags sorts the same")
    func deterministic() throws {
        var random = SplitMix(state: 1)
        var tags: [ListedTag] = []
        for index in 0..<500 {
            let date = index % 3 == 0 ? Date(timeIntervalSince1970: Double(index % 7)) : nil
            tags.append(
                ListedTag(name: try TagName(Self.randomTag(&random) + (index % 5 == 0 ? "" : "x\(index)")), date: date)
            )
        }
        let sorted = TagOrder.sorted(Set(tags.map(\.name)).compactMap { name in tags.first { $0.name == name } })
        for _ in 0..<10 {
            #expect(TagOrder.sorted(sorted.shuffled(using: &random)) == sorted)
        }
    }

    static func randomTag(_ random: inout SplitMix) -> String {
        let pieces = [
            "1", "01", "2", "10", "v", "a", "b", "m", "rc", "alpha", "alpine", "k3s", ".", "-", "_", ".0", "-1", "dev",
        ]
        let count = Int.random(in: 1...6, using: &random)
        let tail = (0..<count).compactMap { _ in pieces.randomElement(using: &random) }.joined()
        return (Bool.random(using: &random) ? "1" : "v2") + tail
    }

    @Test(
        "What does not start with a version is none",
        arguments: [
            "latest", "edge", "v", "version1", "alpine3.21", "_1.0", "7f3c2a1",
            "0123456789abcdef0123456789abcdef01234567",
        ]
    )
    func noVersion(name: String) throws {
        #expect(TagVersion(try TagName(name)) == nil)
    }

    @Test(
        "A version keeps its parts as they were written",
        arguments: [
            ("22.04", ["22", "04"], ""), ("v1.30.2-k3s1", ["1", "30", "2"], "-k3s1"), ("17beta1", ["17"], "beta1"),
            ("20240101", ["20240101"], ""), ("20240101b1", ["20240101"], "b1"),
            ("1.2.3.4.5", ["1", "2", "3", "4"], ".5"),
            ("1.", ["1"], "."), ("1.x", ["1"], ".x"), ("2024-01-15", ["2024"], "-01-15"), ("1234567", ["1234567"], ""),
        ]
    )
    func parts(name: String, parts: [String], suffix: String) throws {
        let version = try #require(TagVersion(try TagName(name)))
        #expect(version.parts == parts)
        #expect(version.suffix == suffix)
    }
}
