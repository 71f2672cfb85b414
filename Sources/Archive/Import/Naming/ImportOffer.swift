import OCI

/// What an archive offers: its names, packed because they may be very many, and what it has without a name.
struct ImportOffer {
    /// As far as a name can be used.
    private enum Kind: UInt8 {
        case reference
        case tag
        case unusable
    }

    /// As the archive writes them, and what they stand for.
    private(set) var names = NamedTops()
    /// Empty where all names are references.
    private var kinds = ChunkedArray<Kind>()
    private(set) var nameless: [ImportRoot] = []
    /// How many entries of its index are no images.
    var foreign = 0

    init() {}

    /// The images of an archive that imglife wrote.
    init(_ document: ArchiveDocument) {
        names = document.images.names
        nameless = document.referrers.map { ImportRoot(descriptor: $0.descriptor, repository: $0.repository) }
    }

    var isEmpty: Bool { names.count == 0 && nameless.isEmpty }

    /// Whether all names are usable as they are.
    var isPlain: Bool { kinds.isEmpty }

    /// Takes an image with all its names; without any it is nameless.
    mutating func add(_ names: [ImportName], _ descriptor: Descriptor) {
        for name in names { add(name, descriptor) }
        if names.isEmpty { add(ImportRoot(descriptor: descriptor)) }
    }

    mutating func add(_ root: ImportRoot) { nameless.append(root) }

    private mutating func add(_ name: ImportName, _ descriptor: Descriptor) {
        let kind: Kind =
            switch name {
            case .reference: .reference
            case .tag: .tag
            case .unusable: .unusable
            }
        if kind != .reference, kinds.isEmpty { kinds = ChunkedArray(repeating: .reference, count: names.count) }
        if kind != .reference || !kinds.isEmpty { kinds.append(kind) }
        names.append(name.text(as: nil), descriptor)
    }

    /// Without some of its names, and of what has none only some.
    func filtered(names isWanted: (Int) -> Bool, nameless isKept: (ImportRoot) -> Bool) -> ImportOffer {
        var result = ImportOffer()
        result.foreign = foreign
        result.nameless = nameless.filter(isKept)
        for position in names.indices where isWanted(position) {
            result.add(name(at: position), names.descriptor(at: position))
        }
        return result
    }

    private func kind(at position: Int) -> Kind { kinds.isEmpty ? .reference : kinds[position] }

    func isReference(at position: Int) -> Bool { kind(at: position) == .reference }

    func name(at position: Int) -> ImportName {
        let text = names.text(at: position)
        if kind(at: position) == .tag, let tag = try? TagName(text) { return .tag(tag) }
        return ImportName(text)
    }

    /// The text that globs are compared with.
    func text(at position: Int, as name: ImageReference?) -> String {
        kind(at: position) == .tag ? self.name(at: position).text(as: name) : names.text(at: position)
    }
}
