import FoundationEssentials

extension String {
    /// The text without secrets that somebody has repeated in it: as they are or in base64, percent-encoded or not.
    ///
    /// Those of less than four bytes stay: they tell nobody anything and would tear words apart.
    func hiding(_ secrets: [Secret]) -> String {
        // The longest first, as it may contain another.
        let writings = secrets.flatMap(SecretWriting.all).sorted { $0.count > $1.count }
        guard !writings.isEmpty else { return self }
        let text = Array(utf8)
        var shown: [UInt8] = []
        var position = 0
        while position < text.count {
            if let end = writings.lazy.compactMap({ $0.end(in: text, from: position) }).first {
                shown += "***".utf8
                position = end
            } else {
                shown.append(text[position])
                position += 1
            }
        }
        return String(decoding: shown, as: UTF8.self)
    }
}

/// One way in which a secret is written down.
private struct SecretWriting {
    private let bytes: [UInt8]

    var count: Int { bytes.count }

    /// A secret as it is, and in base64; the padding is left out, as others do.
    static func all(_ secret: Secret) -> [SecretWriting] {
        let bytes = Array(secret.revealed.utf8)
        guard bytes.count >= 4 else { return [] }
        let base64 = Array(Data(bytes).base64EncodedString().utf8)
        return [bytes, unpadded(bytes), unpadded(base64)].filter { $0.count >= 4 }.map(Self.init)
    }

    private static func unpadded(_ bytes: [UInt8]) -> [UInt8] {
        Array(bytes.prefix((bytes.lastIndex { $0 != UInt8(ascii: "=") } ?? -1) + 1))
    }

    /// Where it ends with its padding, if it begins at that place of a text.
    func end(in text: [UInt8], from start: Int) -> Int? {
        guard let end = end(in: text, from: start, decoding: false) ?? end(in: text, from: start, decoding: true)
        else { return nil }
        return Self.padding.reduce(end) { end, padding in
            Self.letter(in: text, at: end, decoding: true).flatMap { $0.byte == padding ? $0.end : nil } ?? end
        }
    }

    private static let padding = Array("==".utf8)

    private func end(in text: [UInt8], from start: Int, decoding: Bool) -> Int? {
        var position = start
        for byte in bytes {
            guard let letter = Self.letter(in: text, at: position, decoding: decoding),
                Self.likeness(letter.byte) == Self.likeness(byte)
            else { return nil }
            position = letter.end
        }
        return position
    }

    private static func letter(in text: [UInt8], at position: Int, decoding: Bool) -> (byte: UInt8, end: Int)? {
        guard position < text.count else { return nil }
        if decoding, text[position] == UInt8(ascii: "%"), position + 2 < text.count,
            let byte = UInt8(String(decoding: text[position + 1...position + 2], as: UTF8.self), radix: 16)
        {
            return (byte, position + 3)
        }
        return (text[position], position + 1)
    }

    /// What stands for the same: base64 has two alphabets, and forms have `+` for a blank.
    private static func likeness(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: " "): UInt8(ascii: "+")
        case UInt8(ascii: "_"): UInt8(ascii: "/")
        default: byte
        }
    }
}
