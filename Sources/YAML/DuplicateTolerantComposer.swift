import OCI
import Yams

/// Composes a document although keys stand twice in it, so that its other problems are found in the same run.
///
/// Yams refuses a mapping with equal keys and names the first of them. That key's first character is then replaced by
/// a character of the private use area, which keeps every other mark where it is, and the text is composed again.
struct DuplicateTolerantComposer {
    /// A key that was made different from its twin.
    struct Marker {
        /// The key as it was written.
        let key: String
    }

    private static let firstMarker: UInt32 = 0xF_0000
    /// Each needs one more pass over the text.
    private static let maximumMarkers = 20

    private(set) var markers: [Unicode.Scalar: Marker] = [:]
    private var lines: [[Unicode.Scalar]]

    init(text: String) {
        lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(Array.init)
    }

    private var text: String {
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: lines.joined(separator: CollectionOfOne("\n")))
        return String(scalars)
    }

    /// - Returns: `nil` for a text without any node.
    mutating func compose() throws(YAMLFailure) -> Node? {
        while true {
            do {
                return try Yams.compose(yaml: text)
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) where !keys.isEmpty {
                let mark = SourcePosition(context.mark)
                guard markers.count < Self.maximumMarkers, renameKey(keys[0], at: mark) else {
                    throw YAMLFailure(position: mark, message: "the key '\(keys[0].displaySafe)' stands here twice")
                }
            } catch let error as YamlError {
                throw YAMLFailure(error)
            } catch {
                throw YAMLFailure(position: .start, message: "not YAML: \(String(describing: error).displaySafe)")
            }
        }
    }

    /// - Returns: `false` when what stands there is no plain or quoted key that begins with a letter or a digit.
    private mutating func renameKey(_ key: String, at mark: SourcePosition) -> Bool {
        let row = mark.line - 1
        guard lines.indices.contains(row), let marker = Unicode.Scalar(Self.firstMarker + UInt32(markers.count)) else {
            return false
        }
        var column = mark.column - 1
        guard lines[row].indices.contains(column) else { return false }
        if lines[row][column] == "\"" || lines[row][column] == "'" { column += 1 }
        guard lines[row].indices.contains(column), lines[row][column] == key.unicodeScalars.first,
            lines[row][column].properties.isAlphabetic || lines[row][column].properties.numericType == .decimal
        else { return false }
        lines[row][column] = marker
        markers[marker] = Marker(key: key)
        return true
    }
}

extension YAMLFailure {
    init(_ error: YamlError) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            self.init(position: SourcePosition(mark), message: Self.message(problem))
        case .reader(let problem, let offset, _, let yaml):
            let before = yaml.prefix(offset ?? 0).unicodeScalars
            let line = before.count { $0 == "\n" } + 1
            let column = before.reversed().prefix { $0 != "\n" }.count + 1
            self.init(position: SourcePosition(line: line, column: column), message: Self.message(problem))
        default:
            self.init(position: .start, message: "not valid YAML: \(String(describing: error).displaySafe)")
        }
    }
    /// What libyaml says, and what is usually meant by it.
    private static func message(_ problem: String) -> String {
        let advice = advice.first { problem.contains($0.said) }?.toDo
        return "not valid YAML: \(problem.displaySafe)" + (advice.map { "; \($0)" } ?? "")
    }

    private static let advice = [
        (
            said: "unknown escape character",
            toDo:
                #"between double quotes a backslash begins an escape: write the value in single quotes, such as '^3\.\d'"#
        ),
        (
            said: "cannot start any token",
            toDo: "indent with blanks, not tabs, and quote a value that begins with @, ` or %"
        ),
        (said: "mapping values are not allowed", toDo: "quote a value that has ': ' in it, and indent like keys alike"),
        (said: "undefined alias", toDo: "quote a value that begins with '*'"),
        (said: "expected node content", toDo: "close what was opened with [ or {"),
        (said: "expected ',' or", toDo: "close what was opened with [ or {"),
        (said: "unexpected end of stream", toDo: "close the quotes"),
        (said: "could not find expected ':'", toDo: "write 'key: value' on each line, and indent like keys alike"),
        (said: "did not find expected", toDo: "indent like keys alike"),
        (said: "control characters", toDo: "remove them"),
        (said: "another document", toDo: "a file holds one document: remove '---'"),
    ]
}
