import FoundationEssentials
import Glibc
import OCI
import Testing
import YAML

@testable import Sync
@testable import imglife

/// What a person sees of a plan, in terminals of two widths and in a pipe.
@Suite(.timeLimit(.minutes(10)))
struct PlanTextTests {
    private func text(width: Int?) throws -> String {
        let document = try PlanDocument(SamplePlan.plan(), of: SamplePlan.configuration(), kind: .plan)
        return PlanText(document: document, style: TextStyle(isColoured: false), width: width).text
    }

    @Test("A plan fits the terminal and is what its golden file shows", arguments: [80, 120])
    func golden(width: Int) throws {
        let text = try text(width: width)
        let root = String(#filePath).split(separator: "/").dropLast(2).joined(separator: "/")
        let file = URL(filePath: "/\(root)/Golden/plan-\(width).txt")
        if getenv("IMGLIFE_RENEW_GOLDEN") != nil { try Data(text.utf8).write(to: file) }
        #expect(text == String(decoding: try Data(contentsOf: file), as: UTF8.self), "\n\(text)")
        for line in text.split(separator: "\n") { #expect(line.count <= width, "\(line)") }
        #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 40)
    }

    @Test("In a pipe nothing is cut")
    func whole() throws {
        let text = try text(width: nil)
        for number in 0..<60 { #expect(text.contains("2.\(number),") || text.contains("2.\(number)\n")) }
        #expect(!text.contains("more"))
    }

    @Test(
        "It says of how many tags nobody has looked at the platforms that are asked for",
        arguments: [("platforms: [linux/amd64]", ["2 tags", "59 tags"]), ("", [])]
    )
    func unreadPlatforms(_ more: String, _ counts: [String]) throws {
        let document = PlanDocument(try SamplePlan.plan(), of: try SamplePlan.configuration(more), kind: .plan)
        let text = PlanText(document: document, style: TextStyle(isColoured: false), width: nil).text
        let told = text.split(separator: "\n").filter { $0.hasPrefix("  platforms") }
        let lines = counts.map { "  platforms   of \($0) not looked at without --read-manifests" }
        #expect(told.map(String.init) == lines, "\n\(text)")
    }

    @Test("A list has a line for each tag, and no more")
    func list() throws {
        let document = try PlanDocument(SamplePlan.plan(), of: SamplePlan.configuration(), kind: .list)
        let lines = document.list.split(separator: "\n")
        #expect(lines.count == document.entries.reduce(0) { $0 + $1.tags.count })
        #expect(lines[0] == "docker.io/library/alpine:3.21.3 -> registry.example.com/mirrors/alpine:3.21.3")
    }
}
