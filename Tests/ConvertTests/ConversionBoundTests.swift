import OCI
import Sync
import Testing

@testable import Convert

/// What is printed is within the bounds that configurations are read in.
@Suite(.timeLimit(.minutes(10)))
struct ConversionBoundTests {
    @Test(
        "More than a configuration may hold is an error, in bytes or in values",
        arguments: [
            (9000, "quay.io/organisation/some-component-", ":v1.0.0", nil, " MiB, and at most 1 MiB is read"),
            (11_200, "a.io/i", ":1", "r.io", " values, and at most 100000 are read"),
        ] as [(Int, String, String, String?, String)]
    )
    func tooLarge(_ count: Int, _ name: String, _ tag: String, _ target: String?, _ words: String) throws {
        let list = (0..<count).map { name + String($0) + tag }.joined(separator: "\n")
        let error = #expect(throws: ConversionError.self) { try Converted(list, target: target) }
        #expect(error?.description.hasPrefix("the configuration would have ") == true)
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        #expect(error?.description.hasSuffix(": convert fewer images at a time") == true)
    }

    @Test("Just what a configuration may hold is converted")
    func large() throws {
        let list = (0..<9000).map { "a.io/i\($0):1" }.joined(separator: "\n")
        var conversion = try Conversion(target: "r.io")
        try conversion.add(list, file: "file", format: nil)
        #expect(try conversion.yaml().contains("\n    - source: a.io/i8999\n"))
    }
}
