import OCI

extension Mirror {
    /// The mirror without what the program would refuse: entries twice, invalid ones, two that write one tag.
    ///
    /// A comment stands in the place of each.
    var checked: Mirror {
        var result = self
        var seen: Set<String> = []
        var writers: [String: RepositoryReference] = [:]
        result.items = items.compactMap { item in
            guard case .entry(let entry) = item else { return item }
            guard seen.insert(entry.identity).inserted else {
                return entry.comments.isEmpty ? nil : .note(["\(entry.source): once more"] + entry.comments)
            }
            if let fault = entry.fault {
                return .note(["not converted: \(entry.source) -> \(entry.target): \(fault)"] + entry.comments)
            }
            guard case .tag(let tag) = entry.selection else { return item }
            let place = "\(entry.target):\(tag)"
            if let other = writers[place] {
                return .note(["not converted: \(entry.source):\(tag) -> \(place), which \(other) writes already"])
            }
            writers[place] = entry.source
            return item
        }
        return result
    }
}

extension MirrorEntry {
    /// What makes two entries the same.
    fileprivate var identity: String {
        "\(source) \(target) \(selection) \(platforms) \(includesReferrers)"
    }
}
