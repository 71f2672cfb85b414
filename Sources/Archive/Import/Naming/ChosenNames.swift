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
        var waiting: [ReferrerPlaces.Place: [Int]] = [:]
        for position in offer.names.indices where choices[position] == .left {
            guard let place = place(at: position).flatMap(ReferrerPlaces.Place.init) else { continue }
            waiting[place, default: []].append(position)
        }
        guard !waiting.isEmpty else { return }
        var places = ReferrerPlaces(offer.nameless, read)
        for position in offer.names.indices where choices[position] == .asked {
            guard let location = place(at: position)?.location else { continue }
            places.add(offer.names.descriptor(at: position), in: location, read)
        }
        while let place = places.next(read) {
            for position in waiting.removeValue(forKey: place) ?? [] {
                choices[position] = .attached
                places.add(offer.names.descriptor(at: position), in: place.location, read)
            }
        }
    }
}

/// In which repositories which tags, but for their suffixes, are those of what refers to something that is taken.
private struct ReferrerPlaces {
    /// A repository and a tag of a referrer without its suffix.
    struct Place: Hashable {
        let location: RepositoryReference
        let stem: String

        /// - Returns: `nil` for what has the name of no referrer.
        init?(_ reference: ImageReference) {
            guard let tag = reference.tag, tag.isReferrerTag, let stem = tag.description.split(separator: ".").first
            else { return nil }
            self.init(location: reference.location, stem: String(stem))
        }

        fileprivate init(location: RepositoryReference, stem: String) {
            self.location = location
            self.stem = stem
        }
    }

    private var known: Set<Place> = []
    /// Those that nobody has looked at.
    private var new: [Place] = []
    /// What has no name, by the tag of its subject.
    private var nameless: [String: [ImportRoot]] = [:]

    init(_ nameless: [ImportRoot], _ read: (Descriptor) throws -> Manifest?) {
        for root in nameless {
            guard let subject = (try? read(root.descriptor))?.subject, let tag = Self.tag(of: subject.digest) else {
                continue
            }
            self.nameless[tag, default: []].append(root)
        }
    }

    private static func tag(of digest: Digest) -> String? { (try? digest.referrersTag)?.description }

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
        for stem in seen.compactMap(Self.tag) {
            let place = Place(location: location, stem: stem)
            if known.insert(place).inserted { new.append(place) }
        }
    }

    /// A place that was added, and adds those of what has no name and refers to what is there; each once.
    mutating func next(_ read: (Descriptor) throws -> Manifest?) -> Place? {
        guard let place = new.popLast() else { return nil }
        for root in nameless[place.stem] ?? [] where root.repository ?? place.location == place.location {
            add(root.descriptor, in: place.location, read)
        }
        return place
    }
}
