import OCI
import Sync
import YAML

/// The documents of one file, read within the bounds that configurations are read in.
struct ForeignText {
    let documents: [ForeignValue]
    /// What of it counts for nothing: keys that stand twice, merge keys without a mapping.
    private(set) var notes: [String] = []

    /// - Throws: ``ConversionError`` for a text that is neither YAML nor JSON.
    init(_ text: String, file: String) throws(ConversionError) {
        if let json = try Self.json(text, file: file) {
            documents = [json]
            return
        }
        var documents: [ForeignValue] = []
        for part in Self.parts(of: text) {
            do throws(YAMLFailure) {
                let document = try YAMLDocument(part.text)
                guard let root = document.root, !root.isNull else { continue }
                documents.append(ForeignValue(root, after: part.firstLine - 1))
                notes += document.misplaced.map { fault in
                    "left out: '\(fault.path.displayedWithoutSecrets)', a key that stands twice or merges nothing "
                        + "(line \(fault.position.line + part.firstLine - 1), column \(fault.position.column))"
                }
            } catch {
                let line = error.position.line + part.firstLine - 1
                throw ConversionError(
                    "\(file.displayedWithoutSecrets):\(line): not YAML: \(error.message.displayedWithoutSecrets)"
                )
            }
        }
        self.documents = documents
    }

    /// The text as JSON, which has larger bounds than YAML; `nil` for what does not begin like it.
    private static func json(_ text: String, file: String) throws(ConversionError) -> ForeignValue? {
        guard let first = text.utf8.first(where: { !" \t\r\n".utf8.contains($0) }),
            first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
        else { return nil }
        do throws(DocumentError) {
            return ForeignValue(try JSONValue(parsing: Array(text.utf8)))
        } catch {
            // A flow mapping of YAML begins so too.
            if let root = try? YAMLDocument(text).root { return ForeignValue(root) }
            throw ConversionError("\(file.displayedWithoutSecrets): not JSON: \("\(error)".displayedWithoutSecrets)")
        }
    }

    /// YAML's documents: the lines between those that begin with `---`.
    ///
    /// A line that begins so ends every block, also a block scalar (YAML 1.2.2, 9.1.2), so that no look inside is needed.
    private static func parts(of text: String) -> [(text: String, firstLine: Int)] {
        var parts: [(text: String, firstLine: Int)] = []
        var lines: [Substring] = []
        var first = 1
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if isMarker(line) {
                let directives = directives(endOf: lines)
                parts.append((lines.dropLast(directives.count).joined(separator: "\n"), first))
                lines = Array(directives)
                first = index + 1 - directives.count
            }
            lines.append(line)
        }
        parts.append((lines.joined(separator: "\n"), first))
        return parts.filter { part in part.text.utf8.contains { !" \t\r\n".utf8.contains($0) } }
    }

    /// The directives at the end of some lines, with the comments among them, which are the next document's.
    ///
    /// They begin a file, or follow a line `...`; elsewhere a `%` begins text (YAML 1.2.2, 9.2).
    private static func directives(endOf lines: [Substring]) -> ArraySlice<Substring> {
        let start = lines.lastIndex { !isDirective($0) && !isBlank($0) }.map { $0 + 1 } ?? 0
        let directives = lines[start...]
        let mayBegin = start == 0 || isMarker(lines[start - 1], "...")
        return mayBegin && directives.contains(where: isDirective) ? directives : []
    }

    private static func isDirective(_ line: Substring) -> Bool { line.hasPrefix("%") }

    /// Whether a line holds nothing but a comment at most.
    private static func isBlank(_ line: Substring) -> Bool {
        line.utf8.first { !" \t\r".utf8.contains($0) }.map { $0 == UInt8(ascii: "#") } ?? true
    }

    private static func isMarker(_ line: Substring, _ marker: String = "---") -> Bool {
        line.hasPrefix(marker) && line.utf8.dropFirst(3).first.map { " \t\r".utf8.contains($0) } ?? true
    }
}

extension String {
    /// Whether it looks like YAML or JSON, not like lines of images: a key stands there, or a bracket first.
    var looksStructured: Bool {
        if let first = utf8.first(where: { !" \t\r\n".utf8.contains($0) }), "{[".utf8.contains(first) { return true }
        return split(separator: "\n").contains { line in
            let words = line.drop { " \t-".contains($0) }
            guard !words.hasPrefix("#"), let colon = words.firstIndex(of: ":"), colon > words.startIndex else {
                return false
            }
            let rest = words[words.index(after: colon)...]
            return !words[..<colon].contains(where: \.isWhitespace) && (rest.first.map(\.isWhitespace) ?? true)
        }
    }
}

/// A file cannot be made into a configuration.
package struct ConversionError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
