import OCI
import Sync
import Testing

@testable import Convert

/// Ranges of versions as expressions: the same tags as the tools' own rules pick.
@Suite(.timeLimit(.minutes(10)))
struct VersionRangeTests {
    private static let tags = [
        "1.2.3", "v1.2.3", "1.2.4", "1.3.0", "1.10.0", "2.0.0", "2.0.0-rc.1", "1.2.3-alpine", "1.2.4-alpine", "0.2.3",
        "0.3.0",
        "0.0.3", "0.0.4", "1", "1.2", "2", "10.0.0", "latest", "edge", "1.2.3.4", "v", "1..2", "1.2.", "01.2.3",
    ]

    private static func picked(_ range: VersionRange, _ tags: [String]) throws -> [String] {
        let pattern = try TagPattern(range.pattern)
        let exclusion = try TagPattern(range.exclusion)
        return try tags.filter { tag in
            guard let name = try? TagName(tag) else { return false }
            let isPicked = pattern.matches(name)
            try #require(isPicked != exclusion.matches(name), "'\(tag)' is either inside or outside")
            return isPicked
        }
    }

    @Test(
        "regsync's operators",
        arguments: [
            ("=1.2.3", ["1.2.3", "v1.2.3", "01.2.3"]),
            ("1.2", ["1.2"]),
            (">1.2.3 <1.3", ["1.2.4", "1.2.4-alpine", "1.2.3.4"]),
            ("~1.2.3", ["1.2.3", "v1.2.3", "1.2.4", "1.2.4-alpine", "1.2.3.4", "01.2.3"]),
            ("^0.2.3", ["0.2.3"]),
            ("^0.0.3", ["0.0.3"]),
            (">=2.0.0 <3", ["2.0.0", "2"]),
            (">=1.3.0 <2.0.0", ["1.3.0", "1.10.0", "2.0.0-rc.1"]),
            (">=3", ["10.0.0"]),
            ("<0.0.4", ["0.0.3"]),
        ]
    )
    func regsync(_ range: String, _ expected: [String]) throws {
        #expect(try Self.picked(VersionRange(range, .regsync), Self.tags) == expected)
    }

    @Test("Several ranges: one has to hold")
    func alternatives() throws {
        let range = try VersionRange(["<0.0.4", ">=10"], .regsync)
        #expect(try Self.picked(range, Self.tags) == ["0.0.3", "10.0.0"])
    }

    @Test(
        "skopeo leaves pre-releases out; missing numbers stand for all",
        arguments: [
            (">= 1.3.0", ["1.3.0", "1.10.0", "2.0.0", "2", "10.0.0"]),
            ("~1.2", ["1.2.3", "v1.2.3", "1.2.4", "1.2", "01.2.3"]),
            ("1.x", ["1.2.3", "v1.2.3", "1.2.4", "1.3.0", "1.10.0", "1", "1.2", "01.2.3"]),
            ("^0.2 || =10.0.0", ["0.2.3", "10.0.0"]),
            (">1, <2.5", ["2.0.0", "2"]),
        ]
    )
    func skopeo(_ range: String, _ expected: [String]) throws {
        let pattern = try TagPattern(VersionRange(range, .skopeo).pattern)
        #expect(Self.tags.filter { (try? TagName($0)).map(pattern.matches) == true } == expected)
    }

    @Test("dregsy compares pre-releases like everything else")
    func dregsy() throws {
        let pattern = try TagPattern(VersionRange(">=1.31.0 <1.31.9", .dregsy).pattern)
        let tags = ["1.31.0", "1.31.8", "1.31.9", "1.31.9-rc.1", "1.30.9", "v1.31.5", "1.31.1-musl", "1.31"]
        #expect(
            tags.filter { (try? TagName($0)).map(pattern.matches) == true }
                == ["1.31.0", "1.31.8", "1.31.9-rc.1", "v1.31.5", "1.31.1-musl", "1.31"]
        )
    }

    @Test("What no expression says is refused", arguments: [">=1.2.3-rc.1", "1.2 - 1.4", "!=1.2", ">=", "abc", ""])
    func refused(_ range: String) {
        #expect(throws: VersionRangeError.self) { try VersionRange(range, .skopeo) }
    }

    @Test(
        "Numbers on both sides of every bound",
        arguments: [(0, 0), (3, 17), (9, 10), (99, 1001), (120, 129), (7, nil), (100, nil)]
    )
    func numbers(_ lower: Int, _ upper: Int?) throws {
        let numbers = NumberPattern.matching(VersionBox.Numbers(lower: lower, upper: upper))
        let pattern = try TagPattern("^(?:\(numbers))$")
        for number in 0...1100 {
            let isInside = number >= lower && number <= upper ?? .max
            try #expect(pattern.matches(TagName("\(number)")) == isInside, "\(number)")
        }
    }

    @Test("Every comparison agrees with the numbers it compares", arguments: ["<", "<=", ">", ">=", "="])
    func comparisons(_ sign: String) throws {
        let numbers = [0, 1, 9, 10, 11]
        for bound in [[1, 9, 10], [0, 0, 1], [10, 0, 0]] {
            let text = sign + bound.map(String.init).joined(separator: ".")
            let pattern = try TagPattern(VersionRange(text, .regsync).pattern)
            for first in numbers {
                for second in numbers {
                    for third in numbers {
                        let version = [first, second, third]
                        let tag = try TagName(version.map(String.init).joined(separator: "."))
                        #expect(pattern.matches(tag) == Self.holds(version, sign, bound), "\(tag) \(text)")
                    }
                }
            }
        }
    }

    private static func holds(_ version: [Int], _ sign: String, _ bound: [Int]) -> Bool {
        switch sign {
        case "<": version.lexicographicallyPrecedes(bound)
        case "<=": !bound.lexicographicallyPrecedes(version)
        case ">": bound.lexicographicallyPrecedes(version)
        case ">=": !version.lexicographicallyPrecedes(bound)
        default: version == bound
        }
    }
}
