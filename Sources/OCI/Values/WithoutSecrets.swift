extension StringProtocol {
    /// The text as messages show it (``displaySafe``), ``withoutUserinfo``.
    package var displayedWithoutSecrets: String { withoutUserinfo.displaySafe }

    /// The same, cut after `limit` characters.
    package func displayedWithoutSecrets(limit: Int) -> String { withoutUserinfo.displaySafe(limit: limit) }

    /// The text without the user and password of the addresses in it, with a scheme or without one, and without the
    /// slashes behind it.
    ///
    /// What stands before an `@` with a digest behind it is an image. Takes time in proportion to the text, which a
    /// registry may have chosen and which may have megabytes.
    package var withoutUserinfo: String {
        guard utf8.contains(UInt8(ascii: "@")) else { return String(self) }
        var shown = String.UnicodeScalarView()
        var rest = String(self).unicodeScalars[...]
        while !rest.isEmpty {
            let word = rest.prefix { !$0.endsAddress }
            shown.append(contentsOf: word.withoutUserinfo)
            let gap = rest[word.endIndex...].prefix(while: \.endsAddress)
            shown.append(contentsOf: gap)
            rest = rest[gap.endIndex...]
        }
        return String(shown)
    }
}

/// A word without blanks and quotation marks, or what lies in it between two slashes.
extension Substring.UnicodeScalarView {
    /// The word without what stands before the `@` of its addresses.
    fileprivate var withoutUserinfo: String.UnicodeScalarView {
        var shown = String.UnicodeScalarView()
        guard let last = lastDivider else { return String.UnicodeScalarView(self) }
        let parts = split(separator: "/", omittingEmptySubsequences: false)
        for (position, part) in parts.enumerated() {
            if position > 0 { shown.append("/") }
            var rest = part
            if position > 1, parts[position - 1].isEmpty {
                let name = part.prefix { $0 != "@" }
                if name.contains(":"), name.endIndex <= last {
                    // A password may have slashes.
                    shown.append(contentsOf: "***".unicodeScalars)
                    shown.append(contentsOf: self[last...])
                    return shown
                }
                if !name.isEmpty, part.isDivider(name.endIndex) {
                    shown.append(contentsOf: "***@".unicodeScalars)
                    rest = part[part.index(after: name.endIndex)...]
                }
            }
            rest.append(to: &shown, isFirst: position == 0)
        }
        return shown
    }

    /// Appends the part without the user and password that stand at a word's beginning or behind a parenthesis.
    private func append(to shown: inout String.UnicodeScalarView, isFirst: Bool) {
        var start = isFirst ? startIndex : endIndex
        if !isFirst, let parenthesis = firstIndex(of: "(") { start = index(after: parenthesis) }
        guard let last = lastDivider else { return shown.append(contentsOf: self) }
        while start < last {
            let name = self[start...].prefix { !"(@:".unicodeScalars.contains($0) }
            if !name.isEmpty, name.endIndex < last, self[name.endIndex] == ":" {
                shown.append(contentsOf: self[..<start])
                shown.append(contentsOf: "***".unicodeScalars)
                return shown.append(contentsOf: self[last...])
            }
            guard let parenthesis = self[name.endIndex...].firstIndex(of: "(") else { break }
            start = index(after: parenthesis)
        }
        shown.append(contentsOf: self)
    }

    /// The last `@` that no digest follows.
    private var lastDivider: Index? { indices.last(where: isDivider) }

    private func isDivider(_ index: Index) -> Bool {
        guard index < endIndex, self[index] == "@" else { return false }
        let rest = self[self.index(after: index)...]
        return !["sha256:", "sha512:"].contains { rest.starts(with: $0.unicodeScalars) }
    }
}

extension Unicode.Scalar {
    /// Whether no address goes on behind it.
    fileprivate var endsAddress: Bool { properties.isWhitespace || self == "'" || self == "\"" }
}
