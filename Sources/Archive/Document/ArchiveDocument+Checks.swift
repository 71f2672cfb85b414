import OCI

extension ArchiveDocument {
    /// The rules that hold for every document, made here or read.
    func check() throws(DocumentError) {
        for image in images where image.reference.tag == nil || image.reference.digest != nil {
            throw Self.structure("'\(image.reference)' is not a repository with a tag")
        }
        guard images.isUnique else { throw Self.structure("an image stands twice") }
        try Self.checkUnique(referrers, by: { "\($0.repository) \($0.descriptor.digest)" }, "referrer")
        try Self.checkUnique(parts, by: \.name, "part")
        let cut = Set(parts.map(\.blob.digest))
        guard blobs.isUnique, omitted.blobs.isUnique, !cut.contains(where: omitted.contains),
            omitted.isEmpty && cut.isEmpty
                || !blobs.contains(where: { cut.contains($0.digest) || omitted.contains($0.digest) })
        else { throw Self.structure("a blob stands twice") }
        try checkManifests()
        for part in parts { try Self.check(part) }
        if let volume, volume.number < 1 || volume.number > volume.count || volume.count > Self.maximumVolumes {
            throw Self.structure("volume \(volume.number) of \(volume.count) cannot be")
        }
        guard parts.isEmpty || volume != nil else { throw Self.structure("an archive of its own has parts") }
    }

    /// The largest number of volumes of a set.
    package static let maximumVolumes = 9999

    private func checkManifests() throws(DocumentError) {
        // Of the others no second size can be given: there may be many.
        var sizes: [Digest: Int64] = [:]
        for part in parts { sizes[part.blob.digest] = part.blob.size }
        func note(_ descriptor: Descriptor) throws(DocumentError) {
            guard descriptor.mediaType.isManifest else {
                throw Self.structure("\(descriptor.digest) is of type \(descriptor.mediaType), which no image has")
            }
            let size = sizes.updateValue(descriptor.size, forKey: descriptor.digest) ?? descriptor.size
            guard size == descriptor.size else {
                throw Self.structure("\(descriptor.digest) has two sizes, \(size) and \(descriptor.size)")
            }
        }
        for descriptor in images.tops { try note(descriptor) }
        for referrer in referrers { try note(referrer.descriptor) }
        try check(blobs, sizes)
        try check(omitted.blobs, sizes)
        try check(parts.map(\.blob), sizes)
    }

    private func check(_ blobs: some Sequence<Blob>, _ sizes: [Digest: Int64]) throws(DocumentError) {
        for blob in blobs {
            guard blob.size >= 0, blob.size <= Manifest.maximumContentSize, sizes[blob.digest] ?? blob.size == blob.size
            else { throw Self.structure("the size of \(blob.digest) is \(blob.size)") }
        }
    }

    private static func check(_ part: Part) throws(DocumentError) {
        guard part.length > 0, part.offset >= 0, part.length <= part.blob.size,
            part.offset <= part.blob.size - part.length, (0...ArchiveEntryName.maximumPartIndex).contains(part.index)
        else { throw structure("the part \(part.index) of \(part.blob.digest) lies outside of it") }
    }

    /// Of something that is sorted.
    private static func checkUnique<Element, Key: Equatable>(
        _ elements: [Element],
        by key: (Element) -> Key,
        _ what: String
    ) throws(DocumentError) {
        guard elements.areUnique(by: key) else { throw structure("a \(what) stands twice") }
    }

    private static func structure(_ reason: String) -> DocumentError {
        DocumentError(.structure, "imglife.json: \(reason)")
    }
}

extension Array {
    /// Whether no two neighbours have the same key; enough for what is sorted by it.
    func areUnique<Key: Equatable>(by key: (Element) -> Key) -> Bool {
        zip(self, dropFirst()).allSatisfy { key($0) != key($1) }
    }
}
