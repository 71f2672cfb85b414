import OCI

extension Mirror {
    /// The configuration as a document.
    var document: CommentedYAML {
        var pairs = [
            CommentedYAML.Pair(
                comments: comments,
                key: "sync",
                value: .mapping([CommentedYAML.Pair(key: "entries", value: .list(items.map(\.yaml)))])
            )
        ]
        let hosts = registries.compactMap { host, settings in
            settings.isEmpty
                ? nil : CommentedYAML.Pair(comments: settings.comments, key: "\(host)", value: settings.yaml)
        }
        let words = registries.filter { $0.settings.isEmpty }.flatMap { host, settings in
            settings.comments.map { "\(host): \($0)" }
        }
        if !hosts.isEmpty {
            pairs.append(CommentedYAML.Pair(comments: words, key: "registries", value: .mapping(hosts)))
        } else {
            pairs[0].comments += words
        }
        return .mapping(pairs)
    }
}

extension Mirror.Item {
    fileprivate var yaml: CommentedYAML.Item {
        switch self {
        case .note(let comments): CommentedYAML.Item(comments: comments, value: nil)
        case .entry(let entry): CommentedYAML.Item(comments: entry.comments, value: .mapping(entry.pairs))
        }
    }
}

extension MirrorEntry {
    fileprivate var pairs: [CommentedYAML.Pair] {
        var pairs = [CommentedYAML.Pair(key: "source", value: .scalar("\(source)"))]
        switch selection {
        case .tag(let tag):
            pairs.append(CommentedYAML.Pair(key: "tag", value: .scalar("\(tag)")))
        case .pattern(let pattern, let exclusion):
            pairs.append(CommentedYAML.Pair(key: "tag_regex", value: .scalar(pattern)))
            if let exclusion { pairs.append(CommentedYAML.Pair(key: "tag_exclude", value: .scalar(exclusion))) }
        }
        pairs.append(CommentedYAML.Pair(key: "target", value: .scalar("\(target)")))
        if checksDigest { pairs.append(CommentedYAML.Pair(key: "check_digest", value: .bare("true"))) }
        if !platforms.isEmpty { pairs.append(CommentedYAML.Pair(key: "platforms", value: .flow(platforms))) }
        if includesReferrers { pairs.append(CommentedYAML.Pair(key: "referrers", value: .bare("true"))) }
        return pairs
    }
}

extension RegistrySettings {
    /// Whether nothing but comments is said.
    var isEmpty: Bool {
        !plainHTTP && endpoint == nil && maximumConnections == nil && mirrors.isEmpty
    }

    fileprivate var yaml: CommentedYAML {
        var pairs: [CommentedYAML.Pair] = []
        if let endpoint { pairs.append(CommentedYAML.Pair(key: "endpoint", value: .scalar(endpoint))) }
        if plainHTTP { pairs.append(CommentedYAML.Pair(key: "plain_http", value: .bare("true"))) }
        if let maximumConnections {
            pairs.append(CommentedYAML.Pair(key: "max_connections", value: .bare("\(maximumConnections)")))
        }
        if !mirrors.isEmpty {
            pairs.append(CommentedYAML.Pair(key: "mirrors", value: .flow(mirrors.map(\.description))))
        }
        return .mapping(pairs)
    }
}
