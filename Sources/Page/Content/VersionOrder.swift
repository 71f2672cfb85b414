/// An order of tags for people: numbers in them count as numbers, the highest first.
enum VersionOrder {
    static func isNewer(_ left: String, _ right: String) -> Bool {
        var left = left.utf8[...]
        var right = right.utf8[...]
        while let a = left.first, let b = right.first {
            if a.isDecimalDigit, b.isDecimalDigit {
                let (number, other) = (takeNumber(&left), takeNumber(&right))
                if number.count != other.count { return number.count > other.count }
                if !number.elementsEqual(other) { return other.lexicographicallyPrecedes(number) }
            } else {
                if a != b { return a > b }
                left.removeFirst()
                right.removeFirst()
            }
        }
        // 3.21.3 before 3.21, and that before 3.21-slim.
        return switch (left.first, right.first) {
        case (nil, let next?): next < UInt8(ascii: ".")
        case (let next?, nil): next >= UInt8(ascii: ".")
        default: false
        }
    }

    /// The digits at the beginning, without zeros before them.
    private static func takeNumber(_ text: inout Substring.UTF8View) -> Substring.UTF8View {
        let end = text.firstIndex { !$0.isDecimalDigit } ?? text.endIndex
        let digits = text[..<end].drop { $0 == UInt8(ascii: "0") }
        text = text[end...]
        return digits
    }
}

extension UInt8 {
    fileprivate var isDecimalDigit: Bool { (0x30...0x39).contains(self) }
}
