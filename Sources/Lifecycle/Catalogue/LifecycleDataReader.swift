import OCI
import YAML

extension FieldReader {
    /// The data file's key for when and as what products were fetched; no product's name starts with `_`.
    static let fetchedKey = "_fetched"

    /// The whole data file; problems are noted, and what they concern left out.
    mutating func readLifecycleData(_ yaml: String) -> LifecycleCatalogue {
        var catalogue = LifecycleCatalogue()
        guard let root = document(yaml), let fields = mapping(root) else { return catalogue }
        for (product, value) in fields.ordered where product != Self.fetchedKey {
            catalogue.products[product] = .init(cycles: readCycles(value.field))
        }
        if let fetched = fields.ordered.first(where: { $0.key == Self.fetchedKey }) {
            readFetched(fetched.value.field, into: &catalogue)
        }
        return catalogue
    }

    private mutating func readCycles(_ field: Field) -> [ReleaseCycle] {
        if field.node.isNull { return [] }
        var seen: Set<String> = []
        var cycles: [ReleaseCycle] = []
        for row in list(field, example: "[{cycle: '3.21', eol: 2026-11-01}]").prefix(ReleaseCycle.maximumCycles) {
            guard let cycle = readCycle(row) else { continue }
            guard seen.insert(cycle.cycle).inserted else {
                fail(row, "the cycle '\(cycle.cycle.displayedWithoutSecrets)' stands here a second time")
                continue
            }
            cycles.append(cycle)
        }
        return cycles
    }

    private mutating func readCycle(_ row: Field) -> ReleaseCycle? {
        guard let fields = fields(row) else { return nil }
        guard let cycle = fields["cycle"] else {
            fail(row, "the key 'cycle' is missing")
            return nil
        }
        guard let name = printable(cycle) else { return nil }
        return ReleaseCycle(
            cycle: name,
            endOfLife: endOfLife(fields["eol"]),
            releaseDate: date(fields["releaseDate"]),
            latest: printable(fields["latest"]),
            latestReleaseDate: date(fields["latestReleaseDate"])
        )
    }

    private mutating func readFetched(_ field: Field, into catalogue: inout LifecycleCatalogue) {
        for (product, value) in mapping(field)?.ordered ?? [] {
            guard let fields = fields(value.field) else { continue }
            catalogue.products[product]?.fetched = date(fields["on"])
            catalogue.products[product]?.entityTag = printable(fields["etag"])
        }
    }

    /// The values of a mapping that are there; keys that nobody knows do no harm.
    private mutating func fields(_ field: Field) -> [String: Field]? {
        mapping(field).map { mapping in
            let pairs = mapping.ordered.filter { !$0.value.field.node.isNull }
            return Dictionary(pairs.map { ($0.key, $0.value.field) }) { first, _ in first }
        }
    }

    private mutating func printable(_ field: Field?) -> String? {
        guard let text = string(field), let field else { return nil }
        if ReleaseCycle.isUsable(text) { return text }
        fail(field, "must be a printable text of at most \(ReleaseCycle.maximumTextLength) characters")
        return nil
    }

    private mutating func date(_ field: Field?) -> CalendarDate? {
        guard let field else { return nil }
        if case .scalar(let text, _) = field.node.content, let date = CalendarDate(text) { return date }
        fail(field, "must be a date such as 2026-11-01, not \(field.node.shown)")
        return nil
    }

    private mutating func endOfLife(_ field: Field?) -> EndOfLife {
        guard let field else { return .unknown }
        guard case .scalar(let text, _) = field.node.content else {
            fail(field, "must be a date such as 2026-11-01, true or false, not \(field.node.shown)")
            return .unknown
        }
        if let date = CalendarDate(text) { return .date(date) }
        switch text.lowercased() {
        case "true", "yes", "on": return .ended
        case "false", "no", "off": return .notEnded
        default:
            fail(field, "must be a date such as 2026-11-01, true or false, not \(field.node.shown)")
            return .unknown
        }
    }
}
