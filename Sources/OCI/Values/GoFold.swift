/// Go's idea of keys that are the same: `encoding/json` matches a struct's fields under simple Unicode case folding.
///
/// For the ASCII names that the specifications use, that is ASCII case, the long s and the Kelvin sign.
enum GoFold {
    /// Whether Go's decoder would take the one key for the other, given that `name` is ASCII.
    static func areSame(_ key: String, _ name: String) -> Bool {
        key.unicodeScalars.lazy.map(fold).elementsEqual(name.unicodeScalars.lazy.map(fold))
    }

    private static func fold(_ scalar: Unicode.Scalar) -> UInt32 {
        switch scalar {
        case "A"..."Z": scalar.value + 0x20
        case "\u{17F}": 0x73
        case "\u{212A}": 0x6B
        default: scalar.value
        }
    }
}
