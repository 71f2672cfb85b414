import FoundationEssentials
import OCI
import TestSupport
import Testing

@testable import imglife

/// What the program says that it is.
@Suite(.timeLimit(.minutes(10)))
struct VersionTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        .standardizedFileURL

    @Test("The tested versions are those that the package asks for, and stand in the documentation")
    func libraries() throws {
        let package = try Files.text(Self.root.appending(path: "Package.swift").path)
        let asked = package.matches(of: /\/([A-Za-z.-]+)\.git", from: "([0-9.]+)"/).map {
            "\($0.output.1) \($0.output.2)"
        }
        #expect(asked.sorted() == TestedLibraries.direct.map { "\($0.name) \($0.version)" }.sorted())
        let guide = try Files.text(Self.root.appending(path: "docs/dependencies.md").path)
        for library in TestedLibraries.direct {
            #expect(
                guide.contains("| [\(library.name)](") && guide.contains("| \(library.version) |"),
                "\(library.name)"
            )
        }
    }

    @Test("version tells them, for people and for programs")
    func command() async throws {
        let program = Tool.builtProduct("imglife")
        let text = try await Tool.run(program, ["version"])
        #expect(text.output.hasPrefix("imglife \(Version.current)\ncommit "))
        #expect(text.output.contains("\n  swift-nio 2."))
        let json = try await Tool.run(program, ["version", "--output", "json"])
        let document = try JSONValue(parsing: Array(json.output.utf8))
        #expect(document["version"]?.integer == 1)
        #expect(document["imglife"]?.string == Version.current)
        #expect(document["libraries"]?.members?.count == TestedLibraries.direct.count)
    }
}
