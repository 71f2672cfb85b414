import OCI

extension ArchiveDocument {
    /// The rules that hold for every document, made here or read.
    func check() throws(DocumentError) {
        for image in images where image.reference.tag == nil || image.reference.digest != nil {
            throw Self.structure("'\(image.reference)' is not a repository with a tag")
        }
        try Self.checkUnique(images.map(\.reference), "image")
        try Self.checkUnique(referrers, "referrer")
        try Self.checkUnique(
            blobs.map(\.digest) + omitted.map(\.blob.digest) + parts.map(\.blob.digest).uniqued,
            "blob"
        )
        try Self.checkUnique(parts.map(\.name), "part")
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
        var sizes: [Digest: Int64] = [:]
        for blob in blobs + omitted.map(\.blob) + parts.map(\.blob) {
            guard blob.size >= 0, blob.size <= Manifest.maximumContentSize,
                sizes.updateValue(blob.size, forKey: blob.digest) ?? blob.size == blob.size
            else { throw Self.structure("the size of \(blob.digest) is \(blob.size)") }
        }
        for descriptor in images.map(\.descriptor) + referrers.map(\.descriptor) {
            guard descriptor.mediaType.isManifest else {
                throw Self.structure("\(descriptor.digest) is of type \(descriptor.mediaType), which no image has")
            }
            let size = sizes.updateValue(descriptor.size, forKey: descriptor.digest) ?? descriptor.size
            guard size == descriptor.size else {
                throw Self.structure("\(descriptor.digest) has two sizes, \(size) and \(descriptor.size)")
            }
        }
    }

    private static func check(_ part: Part) throws(DocumentError) {
        guard part.length > 0, part.offset >= 0, part.length <= part.blob.size,
            part.offset <= part.blob.size - part.length, (0...ArchiveEntryName.maximumPartIndex).contains(part.index)
        else { throw structure("the part \(part.index) of \(part.blob.digest) lies outside of it") }
    }

    private static func checkUnique(_ values: [some Hashable], _ what: String) throws(DocumentError) {
        guard Set(values).count == values.count else { throw structure("a \(what) stands twice") }
    }

    private static func structure(_ reason: String) -> DocumentError {
        DocumentError(.structure, "imglife.json: \(reason)")
    }
}

extension [Digest] {
    fileprivate var uniqued: [Digest] { Array(Set(self)) }
}
