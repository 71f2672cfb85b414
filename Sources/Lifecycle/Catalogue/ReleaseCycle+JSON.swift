package import OCI

extension ReleaseCycle {
    /// How long an answer may be.
    package static let maximumJSONBytes = 1 << 20

    /// Reads the answer of endoflife.date to `GET /api/{product}.json`: an array of rows, newest cycle first.
    ///
    /// Strict about the document (bounds, unique keys, at least one row, every row a cycle, each once), lenient about what it says: unknown
    /// fields are ignored, and a date, boolean or text that is none counts as missing.
    package static func cycles(parsing bytes: [UInt8]) throws(DocumentError) -> [ReleaseCycle] {
        guard bytes.count <= maximumJSONBytes else {
            throw DocumentError(.tooLarge, "the list of release cycles is longer than 1 MiB")
        }
        guard let rows = try JSONValue(parsing: bytes).elements else {
            throw DocumentError(.structure, "not a list of release cycles")
        }
        guard !rows.isEmpty else { throw DocumentError(.structure, "no release cycles at all") }
        guard rows.count <= maximumCycles else {
            throw DocumentError(.tooLarge, "more than \(maximumCycles) release cycles")
        }
        var seen: Set<String> = []
        var cycles: [ReleaseCycle] = []
        for (index, row) in rows.enumerated() {
            guard let name = row["cycle"]?.usableText else {
                throw DocumentError(.structure, "row \(index) names no release cycle")
            }
            guard seen.insert(name).inserted else {
                throw DocumentError(.confusion, "the release cycle '\(name.displaySafe)' stands twice")
            }
            cycles.append(ReleaseCycle(cycle: name, row: row))
        }
        return cycles
    }

    private init(cycle: String, row: JSONValue) {
        self.init(
            cycle: cycle,
            endOfLife: row["eol"]?.endOfLife ?? .unknown,
            releaseDate: row["releaseDate"]?.date,
            latest: row["latest"]?.usableText,
            latestReleaseDate: row["latestReleaseDate"]?.date
        )
    }
}

extension JSONValue {
    /// A text, or a number as it is written: `3.10` stays `3.10`.
    fileprivate var usableText: String? {
        let text: String? =
            switch content {
            case .string(let text), .number(let text): text
            default: nil
            }
        return text.flatMap { ReleaseCycle.isUsable($0) ? $0 : nil }
    }

    fileprivate var date: CalendarDate? {
        string.flatMap { CalendarDate($0) }
    }

    fileprivate var endOfLife: EndOfLife {
        if let bool { return bool ? .ended : .notEnded }
        return date.map { .date($0) } ?? .unknown
    }
}
