package import OCI

/// Names and the manifests or indexes that they stand for, packed: an archive may have hundreds of thousands.
package struct ImageList: Sendable, ExpressibleByArrayLiteral {
    package typealias Element = ArchiveDocument.Image

    private(set) var names = NamedTops()
    /// The few that their texts would not give back.
    private var others: [String: ImageReference] = [:]

    package init() {}

    package init(arrayLiteral elements: Element...) { self.init(elements) }

    package init(_ images: some Sequence<Element>) {
        if let list = images as? ImageList {
            self = list
        } else {
            for image in images { append(image.reference, image.descriptor) }
        }
    }

    package mutating func append(_ reference: ImageReference, _ descriptor: Descriptor) {
        let text = reference.description
        names.append(text, descriptor)
        if (try? ImageReference(text)) != reference { others[text] = reference }
    }

    /// Puts them in order by the bytes of their references.
    package consuming func sorted() -> ImageList {
        names.sort()
        return self
    }

    /// Those that stand for some digests, in the same order.
    func standing(for isWanted: (Digest) -> Bool) -> ImageList {
        var list = ImageList()
        for position in names.indices where isWanted(names.descriptor(at: position).digest) {
            list.names.append(names.text(at: position), names.descriptor(at: position))
        }
        list.others = others
        return list
    }

    /// Whether a list that is sorted has no name twice.
    var isUnique: Bool { !names.indices.contains { names.repeatsName(at: $0) } }

    /// The text of a name; what the archive's texts have.
    func text(at position: Int) -> String { names.text(at: position) }

    func descriptor(at position: Int) -> Descriptor { names.descriptor(at: position) }

    /// What the names stand for, each descriptor once for all names of it; in the order of the names.
    package var tops: some Sequence<Descriptor> {
        names.distinct.lazy.map { [names] in names.descriptor(numbered: $0) }
    }
}

extension ImageList: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { names.count }

    package subscript(position: Int) -> Element {
        let text = names.text(at: position)
        guard let reference = others[text] ?? (try? ImageReference(text)) else {
            preconditionFailure("what is no reference was not taken")
        }
        return Element(reference: reference, descriptor: names.descriptor(at: position))
    }
}

extension ImageList: Hashable {
    package static func == (left: ImageList, right: ImageList) -> Bool { left.elementsEqual(right) }

    package func hash(into hasher: inout Hasher) {
        for image in self { hasher.combine(image) }
    }
}
