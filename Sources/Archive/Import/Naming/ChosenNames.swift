import OCI

/// Which of the names that an archive offers are taken: those that `--only` matches, and the tags under which something is
/// kept that refers to their images.
struct ChosenNames {
    enum Choice {
        case left
        case asked
        /// It refers to something that was asked for.
        case attached
    }

    private let offer: ImportOffer
    private let name: ImageReference?
    private var choices: [Choice]

    /// - Parameters:
    ///   - offer: what the archive offers.
    ///   - globs: none means all names.
    ///   - name: what `--as` says.
    ///   - read: a manifest; `nil` where it is not there.
    init(
        of offer: ImportOffer,
        only globs: [String],
        as name: ImageReference?,
        reading read: (Descriptor) throws -> Manifest?
    ) {
        (self.offer, self.name) = (offer, name)
        choices = Array(repeating: globs.isEmpty ? .asked : .left, count: offer.names.count)
        guard !globs.isEmpty else { return }
        let globs = globs.map(NameGlob.init)
        for position in offer.names.indices where matches(position, globs) { choices[position] = .asked }
        addAttached(read)
    }

    subscript(position: Int) -> Choice { choices[position] }

    private func matches(_ position: Int, _ globs: [NameGlob]) -> Bool {
        // A tag alone is meant by what the archive says, and by what it becomes.
        let texts = [offer.text(at: position, as: name), offer.names.text(at: position)]
        let reference = reference(at: position)
        return globs.contains { glob in
            texts.contains(where: glob.matches) || reference.map(glob.matches) ?? false
        }
    }

    private func reference(at position: Int) -> ImageReference? {
        guard name != nil || offer.isReference(at: position) else { return nil }
        return try? ImageReference(offer.text(at: position, as: name))
    }

    /// What a name becomes that keeps its tag.
    private func place(at position: Int) -> ImageReference? {
        let candidate = offer.name(at: position)
        if case .reference(let reference) = candidate { return reference }
        return name.map { ImageReference(location: $0.location, tag: candidate.tag) }
    }

    private mutating func addAttached(_ read: (Descriptor) throws -> Manifest?) {
        var waiting = offer.names.indices.filter { position in
            choices[position] == .left && place(at: position)?.tag?.isReferrerTag == true
        }
        guard !waiting.isEmpty else { return }
        var places = ReferrerPlaces(offer.nameless, read)
        var new = offer.names.indices.filter { choices[$0] == .asked }
        while !new.isEmpty {
            for position in new {
                guard let location = place(at: position)?.location else { continue }
                places.add(offer.names.descriptor(at: position), in: location, read)
            }
            places.addReferrers(read)
            new = waiting.filter { place(at: $0).map(places.has) ?? false }
            for position in new { choices[position] = .attached }
            waiting.removeAll { choices[$0] == .attached }
        }
    }
}

/// In which repositories which tags, but for their suffixes, are those of what refers to something that is taken.
private struct ReferrerPlaces {
    private var locations: [String: Set<RepositoryReference>] = [:]
    /// What has no name and whose subject is not known to be taken.
    private var waiting: [(root: ImportRoot, subject: String)]

    init(_ nameless: [ImportRoot], _ read: (Descriptor) throws -> Manifest?) {
        waiting = nameless.compactMap { root in
            (try? read(root.descriptor))?.subject.flatMap { Self.tag(of: $0.digest) }.map { (root, $0) }
        }
    }

    private static func tag(of digest: Digest) -> String? { (try? digest.referrersTag)?.description }

    func has(_ reference: ImageReference) -> Bool {
        guard let stem = reference.tag?.description.split(separator: ".").first else { return false }
        return locations[String(stem)]?.contains(reference.location) ?? false
    }

    /// Adds an image with the manifests in it.
    mutating func add(_ top: Descriptor, in location: RepositoryReference, _ read: (Descriptor) throws -> Manifest?) {
        var seen: Set<Digest> = [top.digest]
        var level = [top]
        for _ in 0..<ImportClosure.maximumDepth where !level.isEmpty {
            // What cannot be read others will say more of.
            let references = level.filter(\.mediaType.isIndex).flatMap { (try? read($0))?.references ?? [] }
            level = references.filter { child in
                child.mediaType.isManifest && seen.count < ImportClosure.maximumDescriptors
                    && seen.insert(child.digest).inserted
            }
        }
        for digest in seen { if let tag = Self.tag(of: digest) { locations[tag, default: []].insert(location) } }
    }

    /// Adds what has no name and refers to something that is taken.
    mutating func addReferrers(_ read: (Descriptor) throws -> Manifest?) {
        while true {
            let next = waiting.filter { !homes($0.root, $0.subject).isEmpty }
            guard !next.isEmpty else { return }
            waiting = waiting.filter { homes($0.root, $0.subject).isEmpty }
            for (root, subject) in next {
                for location in homes(root, subject) { add(root.descriptor, in: location, read) }
            }
        }
    }

    private func homes(_ root: ImportRoot, _ subject: String) -> Set<RepositoryReference> {
        let found = locations[subject] ?? []
        return root.repository.map { found.intersection([$0]) } ?? found
    }
}
