/// A number of bytes in binary units: `512 B`, `3.4 MiB`.
package struct ByteCount: Hashable, Sendable, CustomStringConvertible {
    private static let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

    package let description: String

    package init(_ bytes: Int64) {
        let (unit, divisor) = Self.unit(for: bytes)
        description = "\(Self.number(bytes, divisor)) \(unit)"
    }

    /// A part and the whole in the whole's unit: `1.0/29.1 MiB`.
    package init(_ part: Int64, of whole: Int64) {
        let (unit, divisor) = Self.unit(for: whole)
        description = "\(Self.number(part, divisor))/\(Self.number(whole, divisor)) \(unit)"
    }

    private static func unit(for bytes: Int64) -> (name: String, divisor: Double) {
        var divisor = 1.0
        var unit = 0
        // 1023.95 would be shown as 1024.0.
        while Double(bytes) / divisor >= 1023.95, unit < units.count - 1 {
            divisor *= 1024
            unit += 1
        }
        return (units[unit], divisor)
    }

    private static func number(_ bytes: Int64, _ divisor: Double) -> String {
        guard divisor > 1 else { return String(bytes) }
        let tenths = Int64((Double(bytes) / divisor * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
