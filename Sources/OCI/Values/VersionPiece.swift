/// A natural number of as many digits as a tag can have.
package struct DecimalNumber: Hashable {
    /// Without leading zeros; empty for zero.
    private let digits: [UInt8]

    /// - Parameter text: ASCII digits, fewer than 256.
    package init(_ text: String) {
        digits = Array(text.utf8.drop { $0 == UInt8(ascii: "0") })
    }

    /// Appends bytes that compare as the numbers do: how many digits, then the digits.
    package func appendRank(to rank: inout [UInt8]) {
        rank.append(UInt8(digits.count))
        rank += digits
    }
}

/// A piece of what follows a version's numbers; the cases rise in the order of versions.
package enum VersionPiece: Hashable {
    /// A word for something before the release, with its stage.
    case preRelease(stage: Int, word: String)
    case word(String)
    /// The end of the pieces, so that lists of different length compare place by place.
    case end
    case number(DecimalNumber)

    /// Earlier stages first; equal stages compare by their words.
    private static let stages = [
        "dev": 0, "devel": 0, "snapshot": 0, "nightly": 0, "canary": 0, "unstable": 0, "ea": 0, "eap": 0,
        "alpha": 1, "beta": 2, "m": 3, "milestone": 3, "pre": 3, "prerelease": 3, "preview": 3, "rc": 4, "cr": 4,
    ]
    /// Python's short forms, which mean this only right behind the numbers: `3.14.0a1`.
    private static let shortStages = ["a": 1, "b": 2]

    /// Cuts a suffix at everything that is no letter or digit, and between letters and digits.
    ///
    /// Case counts for nothing.
    ///
    /// - Returns: the pieces, then ``end``.
    package static func pieces(of suffix: String) -> [VersionPiece] {
        var result: [VersionPiece] = []
        let bytes = Array(suffix.lowercased().utf8)
        var index = 0
        while index < bytes.count {
            let start = index
            let isDigit = bytes[index].isASCIIDigit
            guard isDigit || bytes[index].isASCIILetter else {
                index += 1
                continue
            }
            while index < bytes.count, isDigit ? bytes[index].isASCIIDigit : bytes[index].isASCIILetter { index += 1 }
            let text = String(decoding: bytes[start..<index], as: UTF8.self)
            let numberFollows = index < bytes.count && bytes[index].isASCIIDigit
            result.append(isDigit ? .number(DecimalNumber(text)) : word(text, isFirst: start == 0, numberFollows))
        }
        return result + [.end]
    }

    /// Appends bytes that compare as the pieces do.
    ///
    /// A zero ends a word, so that it precedes those that go on; a word has letters only.
    package func appendRank(to rank: inout [UInt8]) {
        switch self {
        case .preRelease(let stage, let word):
            rank += [1, UInt8(stage)] + word.utf8 + [0]
        case .word(let word):
            rank += [2] + word.utf8 + [0]
        case .end:
            rank.append(3)
        case .number(let number):
            rank.append(4)
            number.appendRank(to: &rank)
        }
    }

    private static func word(_ text: String, isFirst: Bool, _ numberFollows: Bool) -> VersionPiece {
        if isFirst, numberFollows, let stage = shortStages[text] { return .preRelease(stage: stage, word: text) }
        if text == "m", !numberFollows { return .word(text) }
        return stages[text].map { .preRelease(stage: $0, word: text) } ?? .word(text)
    }
}

extension UInt8 {
    package var isASCIIDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    var isASCIILetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
}
