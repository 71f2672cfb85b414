import OCI

/// Rows of a JSON document that may be too many to be encoded with it: ``write(_:_:)`` puts them in their place page by page.
struct DocumentRows: Encodable {
    /// Rows that are encoded together.
    private static let pageSize = 250
    /// Fewer are encoded with the document.
    private static let fewest = 1000

    private let count: Int
    private let row: (Int) -> any Encodable
    /// Stands where the rows are to stand: nothing that comes from elsewhere can say it.
    private let mark = "rows " + String(UInt64.random(in: .min ... .max), radix: 16)

    init<Rows: RandomAccessCollection>(_ rows: Rows, _ row: @escaping (Rows.Element) -> some Encodable)
    where Rows.Index == Int {
        count = rows.count
        self.row = { row(rows[rows.startIndex + $0]) }
    }

    private var isLong: Bool { count >= Self.fewest }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        if isLong { return try container.encode(mark) }
        for position in 0..<count { try container.encode(row(position)) }
    }

    /// Gives a document's text with the rows in it, the same as if it had been encoded whole.
    ///
    /// - Parameters:
    ///   - document: has the rows.
    ///   - rows: in the order in which their keys are sorted.
    ///   - body: gets the text piece by piece.
    /// - Throws: what it throws; `EncodingError`.
    static func write(
        _ document: some Encodable,
        _ rows: [DocumentRows],
        _ body: (String) throws -> Void
    ) throws {
        var rest = try CacheDocument.text(document)[...]
        for list in rows where list.isLong {
            guard let place = rest.firstRange(of: "\"\(list.mark)\"") else { continue }
            let line = rest[..<place.lowerBound]
            let indentation = String(line.reversed().prefix { $0 == " " })
            try body(String(line.dropLast(indentation.count)))
            try list.write(indentation, body)
            rest = rest[place.upperBound...]
        }
        try body(String(rest))
    }

    private func write(_ indentation: String, _ body: (String) throws -> Void) throws {
        for start in stride(from: 0, to: count, by: Self.pageSize) {
            var text = ""
            for position in start..<min(start + Self.pageSize, count) {
                let lines = try CacheDocument.text(AnyRow(row: row(position))).split(separator: "\n")
                text += (position == 0 ? "" : ",\n") + lines.map { indentation + $0 }.joined(separator: "\n")
            }
            try body(text)
        }
    }

    private struct AnyRow: Encodable {
        let row: any Encodable

        func encode(to encoder: any Encoder) throws { try row.encode(to: encoder) }
    }
}
