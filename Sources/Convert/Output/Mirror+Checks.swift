import OCI

extension Mirror {
    /// The mirror without what the program would refuse: entries twice, invalid ones, two that write one tag.
    ///
    /// A comment stands in the place of each. The same tags for several platforms are one entry for all of these.
    var checked: Mirror {
        var checks = Checks()
        for item in items {
            if case .entry(let entry) = item { checks.add(entry) } else { checks.items.append(item) }
        }
        var result = self
        result.items = checks.items
        return result
    }
}

/// What is kept of a mirror's items, and where that stands.
private struct Checks {
    var items: [Mirror.Item] = []
    private var positions: [String: Int] = [:]
    private var refused: Set<String> = []
    private var writers: [String: RepositoryReference] = [:]

    mutating func add(_ entry: MirrorEntry) {
        if let fault = entry.fault {
            let note = "not converted: \(entry.source) -> \(entry.target): \(fault)"
            guard refused.insert("\(entry.identity) \(note)").inserted else { return noteAgain(entry) }
            return items.append(.note([note] + entry.comments))
        }
        guard !merge(entry) else { return noteAgain(entry) }
        if case .tag(let tag) = entry.selection {
            let place = "\(entry.target):\(tag)"
            if let other = writers[place] {
                return items.append(
                    .note(["not converted: \(entry.source):\(tag) -> \(place), which \(other) writes already"])
                )
            }
            writers[place] = entry.source
        }
        positions[entry.identity] = items.count
        items.append(.entry(entry))
    }

    /// Adds what an entry copies of its tags to the first one of these tags.
    ///
    /// - Returns: whether there is one.
    private mutating func merge(_ entry: MirrorEntry) -> Bool {
        guard let position = positions[entry.identity], case .entry(var first) = items[position] else { return false }
        first.platforms.formUnion(platforms: entry.platforms)
        first.includesReferrers = first.includesReferrers || entry.includesReferrers
        items[position] = .entry(first)
        return true
    }

    private mutating func noteAgain(_ entry: MirrorEntry) {
        guard !entry.comments.isEmpty else { return }
        items.append(.note(["\(entry.source): once more"] + entry.comments))
    }
}

extension MirrorEntry {
    /// What makes two entries the same but for what is copied of each tag.
    fileprivate var identity: String { "\(source) \(target) \(selection)" }
}
