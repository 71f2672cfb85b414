/// A length of time as people read it: `4.2s`, `3m07s`, `2h05m`.
struct Elapsed: CustomStringConvertible {
    let description: String

    init(_ duration: Duration) {
        let (whole, attoseconds) = max(.zero, duration).components
        let tenths = whole * 10 + (attoseconds + 50_000_000_000_000_000) / 100_000_000_000_000_000
        description = tenths < 600 ? "\(tenths / 10).\(tenths % 10)s" : Self.text((tenths + 5) / 10)
    }

    /// Without tenths of a second: `4s`.
    init(wholeSecondsOf duration: Duration) {
        description = Self.text(max(0, duration.components.seconds))
    }

    private static func text(_ seconds: Int64) -> String {
        func padded(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return switch seconds {
        case ..<60: "\(seconds)s"
        case ..<3600: "\(seconds / 60)m\(padded(seconds % 60))s"
        default: "\(seconds / 3600)h\(padded(seconds / 60 % 60))m"
        }
    }
}
