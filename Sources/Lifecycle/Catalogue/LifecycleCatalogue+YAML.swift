package import YAML
import Yams

extension LifecycleCatalogue {
    /// Reads the text of a data file: product → rows of `cycle`, `eol`, `latest`, `latestReleaseDate`, `releaseDate`.
    ///
    /// The names and values are the API's, so JSON from there can stand as it is; unknown keys are ignored. `_fetched`
    /// says when each product was fetched. An empty text is an empty catalogue.
    ///
    /// - Parameters:
    ///   - yaml: the whole text.
    ///   - file: its path, as messages show it.
    /// - Throws: every problem, with its position.
    package init(yaml: String, file: String) throws(ConfigurationError) {
        var reader = FieldReader(file: file)
        let catalogue = reader.readLifecycleData(yaml)
        guard reader.problems.isEmpty else {
            throw ConfigurationError(problems: reader.problems.sorted { $0.position < $1.position })
        }
        self = catalogue
    }

    /// The text of a data file, the same for equal catalogues: products by name, cycles in their order.
    package func yaml() throws -> String {
        let names = products.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var pairs = names.map { name in
            (Node.text(name), Node(products[name]?.cycles.map(\.node) ?? []))
        }
        let fetched = names.compactMap { name in
            products[name]?.fetchedNode.map { (Node.text(name), $0) }
        }
        if !fetched.isEmpty { pairs.append((.text(FieldReader.fetchedKey), Node(fetched))) }
        return try Yams.serialize(node: Node(pairs), indent: 2, width: -1, allowUnicode: true)
    }
}

extension LifecycleCatalogue.Product {
    fileprivate var fetchedNode: Node? {
        guard let fetched else { return nil }
        var pairs: [(Node, Node)] = [("on", .plain(fetched.description))]
        if let entityTag { pairs.append(("etag", .text(entityTag))) }
        return Node(pairs)
    }
}

extension ReleaseCycle {
    fileprivate var node: Node {
        var pairs: [(Node, Node)] = [("cycle", .text(cycle))]
        switch endOfLife {
        case .date(let date): pairs.append(("eol", .plain(date.description)))
        case .ended: pairs.append(("eol", .plain("true")))
        case .notEnded: pairs.append(("eol", .plain("false")))
        case .unknown: break
        }
        if let latest { pairs.append(("latest", .text(latest))) }
        if let latestReleaseDate { pairs.append(("latestReleaseDate", .plain(latestReleaseDate.description))) }
        if let releaseDate { pairs.append(("releaseDate", .plain(releaseDate.description))) }
        return Node(pairs)
    }
}

extension Node {
    fileprivate static func plain(_ text: String) -> Node { Node(text, .implicit, .plain) }

    /// In quotes, so that `3.10` stays a text for every reader.
    fileprivate static func text(_ text: String) -> Node { Node(text, .implicit, .doubleQuoted) }
}
