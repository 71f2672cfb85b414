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
        checks.settleSignatures()
        var result = self
        result.items = checks.items
        if checks.hasSignatures { result.comments.append(Checks.advice) }
        return result
    }
}

/// What is kept of a mirror's items, and where that stands.
private struct Checks {
    var items: [Mirror.Item] = []
    private var positions: [String: Int] = [:]
    private var refused: Set<String> = []
    private var writers: [String: RepositoryReference] = [:]
    /// Whether some entry brings along signatures whose tags another tool would have copied like any tag.
    private(set) var hasSignatures = false
    /// Entries that ask for nothing but tags of signatures, with the places of their notes.
    private var signatures: [(position: Int, entry: MirrorEntry)] = []
    /// Where tags of signatures would be copied, whichever entry says so.
    private var signedPlaces: Set<String> = []

    static let advice =
        "'referrers: true' stands where tags of signatures (sha256-….sig) would be copied: here they come with their images, "
        + "and others do not"

    mutating func add(_ entry: MirrorEntry) {
        var entry = entry
        if let fault = entry.fault {
            let note = "not converted: \(entry.source) -> \(entry.target): \(fault)"
            guard refused.insert("\(entry.identity) \(note)").inserted else { return noteAgain(entry) }
            return items.append(.note([note] + entry.comments))
        }
        switch SignatureTags(of: entry.selection) {
        case .none: break
        case .some:
            entry.includesReferrers = true
            hasSignatures = true
            signedPlaces.insert(entry.place)
        case .all:
            signatures.append((items.count, entry))
            signedPlaces.insert(entry.place)
            return items.append(.note([]))
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

    /// Has entries bring along the signatures that others of the same repositories have asked for.
    mutating func settleSignatures() {
        guard !signedPlaces.isEmpty else { return }
        var places: [String: [Int]] = [:]
        for (index, item) in items.enumerated() {
            if case .entry(let entry) = item, !entry.isSignature { places[entry.place, default: []].append(index) }
        }
        for place in signedPlaces {
            for index in places[place] ?? [] {
                guard case .entry(var image) = items[index] else { continue }
                image.includesReferrers = true
                items[index] = .entry(image)
            }
        }
        for (position, entry) in signatures {
            let advice =
                places[entry.place] == nil
                ? "not converted: \(entry.source) -> \(entry.target): make an entry for its images, with 'referrers: true'"
                : "\(entry.source) -> \(entry.target): 'referrers: true' stands at its images"
            let reason = "as \(entry.selection.words) finds tags of signatures alone"
            items[position] = .note(["\(advice), \(reason)"] + entry.comments)
        }
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
    fileprivate var identity: String { "\(place) \(selection)" }
    fileprivate var place: String { "\(source) \(target)" }

    /// Whether it is a signature's tag by its name.
    fileprivate var isSignature: Bool {
        if case .tag(let tag) = selection { tag.isReferrerTag } else { false }
    }
}

extension MirrorEntry.Selection {
    /// As notes tell it.
    fileprivate var words: String {
        switch self {
        case .tag(let tag): "'\(tag)'"
        case .pattern(let pattern, _): "'\(pattern.displayedWithoutSecrets)'"
        }
    }
}
