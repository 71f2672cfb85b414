import OCI
import Yams

/// Why a text is no YAML document that imglife reads.
package struct YAMLFailure: Error {
    package let position: SourcePosition
    /// The path of the field it is about; empty for the text as a whole.
    package var path = ""
    package let message: String
}

/// A YAML document, composed within bounds.
///
/// libyaml limits its own nesting; what it does not limit is how far a few aliases expand, so nodes are counted while
/// they are walked and the walk ends at the bound. Merge keys (`<<`) are applied, the mapping's own keys first. A byte order
/// mark at the beginning counts for nothing.
package struct YAMLDocument {
    package static let maximumBytes = 1 << 20
    package static let maximumNodes = 100_000
    static let maximumDepth = 64

    /// `nil` for a text without any node.
    package let root: YAMLNode?
    /// Keys that stand twice in one mapping, at their second place, and merge keys whose value is no mapping.
    package let misplaced: [YAMLFailure]

    package init(_ text: String) throws(YAMLFailure) {
        guard text.utf8.count <= Self.maximumBytes else {
            throw YAMLFailure(position: .start, message: "the file is longer than 1 MiB")
        }
        let text = String(text.withoutByteOrderMark)
        try AliasGuard.check(text)
        var composer = DuplicateTolerantComposer(text: text)
        let node = try composer.compose()
        var walk = Walk(markers: composer.markers)
        root = try node.map { node throws(YAMLFailure) in try walk.convert(node, path: "", depth: 0) }
        misplaced = walk.misplaced
    }

    private struct Walk {
        /// Yams fills in the tags of keys while it compares them, so that `<<` may arrive with one.
        private static let untaggedNames = ["", Yams.Tag.Name.merge.rawValue, Yams.Tag.Name.null.rawValue]

        let markers: [Unicode.Scalar: DuplicateTolerantComposer.Marker]
        var count = 0
        var misplaced: [YAMLFailure] = []

        mutating func convert(_ node: Node, path: String, depth: Int) throws(YAMLFailure) -> YAMLNode {
            let position = SourcePosition(node.mark)
            count += 1
            guard count <= YAMLDocument.maximumNodes else {
                throw YAMLFailure(
                    position: position,
                    message: "the document has more than \(YAMLDocument.maximumNodes) nodes with its aliases expanded"
                )
            }
            guard depth <= YAMLDocument.maximumDepth else {
                throw YAMLFailure(position: position, message: "nested deeper than \(YAMLDocument.maximumDepth) levels")
            }
            switch node {
            case .scalar(let scalar):
                let isPlain = scalar.style == .plain && Self.untaggedNames.contains(scalar.tag.rawValue)
                return YAMLNode(position: position, content: .scalar(scalar.string, isPlain: isPlain))
            case .sequence(let items):
                var nodes: [YAMLNode] = []
                for (index, item) in items.enumerated() {
                    nodes.append(try convert(item, path: "\(path)[\(index)]", depth: depth + 1))
                }
                return YAMLNode(position: position, content: .sequence(nodes))
            case .mapping(let pairs):
                return YAMLNode(position: position, content: .mapping(try convert(pairs, path: path, depth: depth)))
            case .alias:
                throw YAMLFailure(position: position, message: "an alias without its anchor")
            }
        }

        private mutating func convert(
            _ mapping: Node.Mapping,
            path: String,
            depth: Int
        ) throws(YAMLFailure) -> [(key: YAMLNode, value: YAMLNode)] {
            var own: [(key: YAMLNode, value: YAMLNode)] = []
            var merged: [(key: YAMLNode, value: YAMLNode)] = []
            for (key, value) in mapping {
                let name = try convert(key, path: path, depth: depth + 1)
                let content = try convert(value, path: self.path(of: name, below: path), depth: depth + 1)
                if case .scalar("<<", isPlain: true) = name.content {
                    merged += mergedPairs(of: content, below: path)
                } else {
                    own.append((name, content))
                }
            }
            own = dropDuplicates(own, path: path)
            var taken = Set(own.compactMap(\.key.text))
            for pair in merged {
                guard let text = pair.key.text else {
                    own.append(pair)
                    continue
                }
                if taken.insert(text).inserted { own.append(pair) }
            }
            return own
        }

        /// The pairs that a merge key with this value brings in, in the order in which they win.
        private mutating func mergedPairs(
            of value: YAMLNode,
            below path: String
        ) -> [(key: YAMLNode, value: YAMLNode)] {
            switch value.content {
            case .mapping(let pairs): return pairs
            case .sequence(let items): return items.flatMap { mergedPairs(of: $0, below: path) }
            case .scalar:
                if !value.isNull {
                    let name = YAMLNode(position: value.position, content: .scalar("<<", isPlain: true)).path(
                        below: path
                    )
                    let message = "takes the keys of a mapping, as in '<<: *base'; this is a text"
                    misplaced.append(YAMLFailure(position: value.position, path: name, message: message))
                }
                return []
            }
        }

        /// The path of a key's value, with the key as it stands in the text.
        private func path(of key: YAMLNode, below parent: String) -> String {
            let path = key.path(below: parent)
            guard let first = key.text?.unicodeScalars.first, let original = marker(of: key)?.key.unicodeScalars.first
            else {
                return path
            }
            var scalars = String.UnicodeScalarView()
            scalars.append(contentsOf: path.unicodeScalars.map { $0 == first ? original : $0 })
            return String(scalars)
        }

        /// Leaves out the keys that ``DuplicateTolerantComposer`` marked, and reports each key at every place but its first.
        private mutating func dropDuplicates(
            _ pairs: [(key: YAMLNode, value: YAMLNode)],
            path: String
        ) -> [(key: YAMLNode, value: YAMLNode)] {
            guard !markers.isEmpty else { return pairs }
            let names = pairs.map { marker(of: $0.key)?.key ?? $0.key.text }
            let repeated = Set(zip(pairs, names).compactMap { marker(of: $0.key) == nil ? nil : $1 })
            var first: [String: SourcePosition] = [:]
            for (pair, name) in zip(pairs, names) {
                guard let name, repeated.contains(name) else { continue }
                guard let line = first[name]?.line else {
                    first[name] = pair.key.position
                    continue
                }
                let key = YAMLNode(position: pair.key.position, content: .scalar(name, isPlain: true))
                misplaced.append(
                    YAMLFailure(
                        position: key.position,
                        path: key.path(below: path),
                        message: "stands here a second time; it is on line \(line) already: remove one of the two"
                    )
                )
            }
            return pairs.filter { marker(of: $0.key) == nil }
        }

        /// What ``DuplicateTolerantComposer`` made of a key.
        private func marker(of key: YAMLNode) -> DuplicateTolerantComposer.Marker? {
            key.text?.unicodeScalars.first.flatMap { markers[$0] }
        }
    }
}

extension YAMLNode {
    /// The path of the value that this key names.
    ///
    /// Long keys are cut, so that the paths of many values below one stay small together. Paths are shown: an address as a
    /// key is there without its password.
    package func path(below parent: String) -> String {
        guard case .scalar(let text, _) = content else { return parent }
        let shown = text.withoutUserinfo
        let name = shown.unicodeScalars.count > 80 ? "\(shown.prefix(80))…" : shown
        return parent.isEmpty ? name : "\(parent).\(name)"
    }

    /// A scalar's.
    fileprivate var text: String? {
        guard case .scalar(let text, _) = content else { return nil }
        return text
    }
}

extension SourcePosition {
    package static let start = SourcePosition(line: 1, column: 1)

    init(_ mark: Mark?) {
        self.init(line: max(1, mark?.line ?? 1), column: max(1, mark?.column ?? 1))
    }
}
