import OCI
import Testing

@testable import Sync
@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct PlanDocumentTests {
    private func text(_ kind: PlanDocument.Kind) throws -> String {
        try CacheDocument.text(PlanDocument(SamplePlan.plan(), of: SamplePlan.configuration(), kind: kind))
    }

    @Test("What is written is what the published schema says", arguments: [PlanDocument.Kind.plan, .list])
    func valid(kind: PlanDocument.Kind) throws {
        let text = try text(kind)
        #expect(try SchemaValidator(PlanSchema.text).problems(text) == [])
        let root = try JSONValue(parsing: Array(text.utf8))
        #expect(root["version"]?.integer == 1 && root["kind"]?.string == kind.rawValue)
        #expect((root["hosts"] != nil) == (kind == .plan))
    }

    @Test(
        "A tag whose platforms nobody has looked at says so, where some are asked for",
        arguments: [("platforms: [linux/amd64]", 61), ("", 0)]
    )
    func unreadPlatforms(_ more: String, _ count: Int) throws {
        let document = PlanDocument(try SamplePlan.plan(), of: try SamplePlan.configuration(more), kind: .plan)
        let unread = document.entries.flatMap(\.tags).filter { $0.platformsUnread != nil }
        #expect(unread.count == count)
        #expect(unread.allSatisfy { $0.platformsUnread == true && $0.cost?.basis != "manifests" })
        let text = try CacheDocument.text(document)
        #expect(text.ranges(of: "\"platforms_unread\" : true").count == count)
        #expect(try SchemaValidator(PlanSchema.text).problems(text) == [])
    }

    @Test("What a run would warn of a tag is told with it")
    func warnings() throws {
        var plan = try SamplePlan.plan()
        guard case .planned(var entry) = plan.outcomes[0] else { return #expect(Bool(false), "a plan") }
        entry.tags[0].warnings = ["something"]
        plan.outcomes[0] = .planned(entry)
        let document = PlanDocument(plan, of: try SamplePlan.configuration(), kind: .plan)
        #expect(document.entries[0].tags.prefix(2).map(\.warnings) == [["something"], nil])
        #expect(try SchemaValidator(PlanSchema.text).problems(CacheDocument.text(document)) == [])
    }

    @Test("Totals and the figures of registries are the sums of the tags'")
    func sums() throws {
        let root = try JSONValue(parsing: Array(text(.plan).utf8))
        let totals = root["totals"]
        let expected: [(String, Int64)] = [
            ("entries", 5), ("failed_entries", 1), ("copy", 64), ("referrers", 1), ("up_to_date", 31), ("compare", 1),
            ("undecided", 0), ("failed", 1), ("manifests", 68), ("download_bytes", 28_600_000),
            ("push_bytes", 28_600_000), ("mount_bytes", 5_000_000),
        ]
        for (key, value) in expected { #expect(totals?[key]?.integer == value, "\(key)") }
        let hosts = root["hosts"]?.elements ?? []
        #expect(hosts.compactMap { $0["host"]?.string } == ["docker.io", "quay.io", "registry.example.com"])
        for key in ["manifests", "download_bytes", "push_bytes", "mount_bytes"] {
            #expect(hosts.reduce(0) { $0 + ($1[key]?.integer ?? 0) } == totals?[key]?.integer, "\(key)")
        }
        #expect(hosts.map { $0["is_exact"]?.bool } == [false, false, false])
    }

    @Test("Every decision, basis and code is one that the schema knows")
    func words() throws {
        let validator = try SchemaValidator(PlanSchema.text)
        for code in FailureCode.allCases { #expect(PlanSchema.text.contains("\"\(code.rawValue)\"")) }
        for word in PlanDocument.Decision.allCases.map(\.rawValue) + CopyCost.Basis.allCases.map(\.rawValue) {
            #expect(PlanSchema.text.contains("\"\(word)\""), "\(word)")
        }
        #expect(
            try validator.problems(#"{"version": 2, "kind": "plan", "entries": [], "totals": {}}"#).isEmpty == false
        )
    }
}
