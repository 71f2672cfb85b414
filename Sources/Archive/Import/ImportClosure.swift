import OCI

/// What the images of an archive need, found by following their manifests.
///
/// Bounded: a manifest by ``Manifest``, the depth and the number of descriptors here.
struct ImportClosure {
    /// Indexes in indexes.
    static let maximumDepth = 8
    /// Descriptors of one image.
    static let maximumDescriptors = 10_000
    /// How many references are remembered, of manifests that several images may share.
    private static let maximumRemembered = 10_000

    /// One manifest and what it refers to.
    private struct Node {
        let references: [Descriptor]
        let subject: Descriptor?
    }

    /// One image: everything it consists of, and what of that is nowhere.
    struct Image {
        /// By digest; manifests included.
        var members: [Digest: Descriptor] = [:]
        /// In the order in which they were met.
        var missing: [Descriptor] = []
        var subject: Descriptor?
    }

    private let read: (Descriptor) throws -> Manifest?
    private let holds: (Descriptor) throws -> Bool
    private var nodes: [Digest: Node] = [:]
    private var remembered = 0

    /// - Parameters:
    ///   - read: a manifest by its descriptor; `nil` when it is not there. Throws `DocumentError` for a bad one.
    ///   - holds: whether a blob of that digest and size is there.
    init(read: @escaping (Descriptor) throws -> Manifest?, holds: @escaping (Descriptor) throws -> Bool) {
        self.read = read
        self.holds = holds
    }

    /// Everything that an image needs.
    ///
    /// - Throws: ``ArchiveRefusal`` for manifests that may not be used, and beyond the bounds.
    mutating func image(_ root: Descriptor) throws -> Image {
        var image = Image()
        try walk(root, depth: 0, &image)
        return image
    }

    private mutating func walk(_ descriptor: Descriptor, depth: Int, _ image: inout Image) throws {
        let member = "\(ArchiveEntryName.blob(descriptor.digest))"
        if let known = image.members[descriptor.digest] {
            guard known.size == descriptor.size, known.mediaType.isManifest == descriptor.mediaType.isManifest else {
                throw ArchiveRefusal(member, "is referred to as two different things")
            }
            return
        }
        image.members[descriptor.digest] = descriptor
        guard image.members.count <= Self.maximumDescriptors else {
            throw ArchiveRefusal("an image refers to more than \(Self.maximumDescriptors) blobs and manifests")
        }
        guard descriptor.mediaType.isManifest else {
            if try !holds(descriptor) { image.missing.append(descriptor) }
            return
        }
        guard depth < Self.maximumDepth else {
            throw ArchiveRefusal(member, "is an index nested deeper than \(Self.maximumDepth) levels")
        }
        guard let node = try node(descriptor, member) else { return image.missing.append(descriptor) }
        if depth == 0 { image.subject = node.subject }
        for reference in node.references { try walk(reference, depth: depth + 1, &image) }
    }

    private mutating func node(_ descriptor: Descriptor, _ member: String) throws -> Node? {
        if let node = nodes[descriptor.digest] { return node }
        do {
            guard let manifest = try read(descriptor) else { return nil }
            let node = Node(references: manifest.references, subject: manifest.subject)
            remembered += 1 + node.references.count
            if remembered > Self.maximumRemembered { (nodes, remembered) = ([:], 1 + node.references.count) }
            nodes[descriptor.digest] = node
            return node
        } catch let error as DocumentError {
            throw ArchiveRefusal(member, "is no manifest that may be used: \(error)")
        }
    }
}
