/// A number of bytes as people write it: `50GiB`, `500MB`, `10G`, `1.5Ti`, `1073741824`.
///
/// The units of Kubernetes quantities, with an optional `B` and in either case: `K`, `M`, `G`, `T`, `P` are powers of
/// 1000, `Ki`, `Mi`, `Gi`, `Ti`, `Pi` powers of 1024, and a bare number counts bytes. One blank may precede the unit.
package struct ByteSize: Hashable, Sendable {
    /// At least 1.
    package let bytes: Int64

    /// - Returns: `nil` when it is less than one byte.
    package init?(bytes: Int64) {
        guard bytes >= 1 else { return nil }
        self.bytes = bytes
    }

    package init(_ text: some StringProtocol) throws(QuantityError) {
        guard let bytes = Self.parse(Substring(text)), bytes >= 1 else {
            throw QuantityError(text: String(text), expectation: "a size of at least one byte, such as 50GiB or 500MB")
        }
        self.bytes = bytes
    }

    private static let multipliers: [String: Int64] = [
        "": 1, "b": 1,
        "k": 1000, "m": 1_000_000, "g": 1_000_000_000, "t": 1_000_000_000_000, "p": 1_000_000_000_000_000,
        "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40, "pi": 1 << 50,
    ]

    private static func parse(_ text: Substring) -> Int64? {
        let number = text.prefix { $0 == "." || ("0"..."9").contains($0) }
        var unit = text[number.endIndex...].lowercased()
        if unit.hasPrefix(" ") { unit.removeFirst() }
        if unit.count > 1, unit.hasSuffix("b") { unit.removeLast() }
        guard let multiplier = multipliers[unit] else { return nil }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard let first = parts.first, !first.isEmpty, parts.count <= 2, let whole = Int64(first) else { return nil }
        let (base, overflow) = whole.multipliedReportingOverflow(by: multiplier)
        guard !overflow else { return nil }
        guard parts.count == 2 else { return base }
        guard !parts[1].isEmpty, let fraction = Double("0." + parts[1]) else { return nil }
        let (sum, sumOverflow) = base.addingReportingOverflow(Int64(fraction * Double(multiplier)))
        return sumOverflow ? nil : sum
    }
}
