/// A number of bytes as people write it: `50GiB`, `500MB`, `10G`, `1.5Ti`, `1073741824`.
///
/// The units of Kubernetes quantities, with an optional `B` and in either case: `K`, `M`, `G`, `T`, `P`, `E` are
/// powers of 1000, `Ki`, `Mi`, `Gi`, `Ti`, `Pi`, `Ei` powers of 1024, and a bare number counts bytes. One blank may precede
/// the unit.
package struct ByteSize: Hashable, Sendable {
    /// At least 1.
    package let bytes: Int64

    /// - Returns: `nil` when it is less than one byte.
    package init?(bytes: Int64) {
        guard bytes >= 1 else { return nil }
        self.bytes = bytes
    }

    package init(_ text: some StringProtocol) throws(QuantityError) {
        do throws(QuantityFault) {
            bytes = try Self.parse(Substring(text))
        } catch {
            let expectation =
                switch error {
                case .malformed: "a size of at least one byte, such as 50GiB or 500MB"
                case .tooLarge: "a size of less than 8EiB"
                }
            throw QuantityError(text: String(text), expectation: expectation, isTooLarge: error == .tooLarge)
        }
    }

    private static let multipliers: [String: Int64] = [
        "": 1, "b": 1,
        "k": 1000, "m": 1_000_000, "g": 1_000_000_000, "t": 1_000_000_000_000, "p": 1_000_000_000_000_000,
        "e": 1_000_000_000_000_000_000,
        "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40, "pi": 1 << 50, "ei": 1 << 60,
    ]

    private static func parse(_ text: Substring) throws(QuantityFault) -> Int64 {
        let number = text.prefix { $0 == "." || ("0"..."9").contains($0) }
        var unit = text[number.endIndex...].lowercased()
        if unit.hasPrefix(" ") { unit.removeFirst() }
        if unit.count > 1, unit.hasSuffix("b") { unit.removeLast() }
        guard let multiplier = multipliers[unit] else { throw .malformed }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard let first = parts.first, !parts.contains(where: \.isEmpty), parts.count <= 2 else { throw .malformed }
        let fraction = parts.count == 2 ? Double("0." + parts[1]) ?? 0 : 0
        guard let whole = Int64(first) else { throw .tooLarge }
        let (base, overflow) = whole.multipliedReportingOverflow(by: multiplier)
        guard !overflow, let bytes = base.addingIfItFits(Int64(fraction * Double(multiplier))) else { throw .tooLarge }
        guard bytes >= 1 else { throw .malformed }
        return bytes
    }
}
