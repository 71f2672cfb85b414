extension StringProtocol {
    /// The text as it may be shown on a terminal or in a log line: one line, no control or direction characters, bounded.
    ///
    /// Escapes C0, DEL, C1, line and paragraph separators, bidirectional controls, invisible and tag characters as
    /// `\u{…}` and cuts after 256 characters. Every string that a registry, an image or a file's author chose passes
    /// through here before a person sees it.
    package var displaySafe: String {
        displaySafe(limit: 256)
    }

    /// The text as ``displaySafe`` shows it, cut after `limit` characters.
    package func displaySafe(limit: Int) -> String {
        // Nearly every text is plain, and busy servers log many; a generic walk costs more than all the rest of a log line.
        let isPlain = utf8.withContiguousStorageIfAvailable { bytes in
            bytes.count <= limit && bytes.allSatisfy { (0x20..<0x7F).contains($0) }
        }
        if isPlain == true { return String(self) }
        var result = ""
        var count = 0
        for scalar in unicodeScalars {
            guard count < limit else { return result + "…" }
            count += 1
            if scalar.isUnsafeToDisplay {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension Sequence<String> {
    /// The first five as messages show them (``Swift/StringProtocol/displaySafe``), and how many there are besides.
    package var fewShown: String {
        var (shown, others) = ([String](), 0)
        for text in self {
            if shown.count < 5 { shown.append(text.displaySafe) } else { others += 1 }
        }
        return shown.joined(separator: ", ") + (others > 0 ? " and \(others) more" : "")
    }
}

extension Unicode.Scalar {
    /// Whether it would move a cursor, break a line or turn the writing direction instead of showing a sign.
    package var isUnsafeToDisplay: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0: true
        case 0x00AD, 0x034F, 0x061C, 0x115F...0x1160, 0x17B4...0x17B5, 0x180B...0x180F:
            true
        case 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0x3164: true
        case 0xFE00...0xFE0F, 0xFEFF, 0xFFA0, 0xFFF0...0xFFFB, 0xE0000...0xE0FFF: true
        default: false
        }
    }
}
