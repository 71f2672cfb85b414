import OCI

extension DirectoryMembers {
    /// What a directory's index leads to is all that is read of it, and what refers to that.
    ///
    /// - Throws: ``ArchiveRefusal``, ``SystemError``.
    func deliver(_ index: ImportedIndex, _ options: ImportOptions) throws {
        let layout = layout
        let offer = try index.offered()
        var closure = ImportClosure(read: { try layout.manifest($0) }, holds: { _ in true })
        var needed = BlobTable()
        func need(_ descriptor: Descriptor) throws {
            for member in try closure.image(descriptor).members.values {
                needed.insert(.init(digest: member.digest, size: member.size))
            }
        }
        // What cannot be used of it is nobody's concern until somebody asks for it.
        func tryNeeding(_ root: ImportRoot) throws {
            do { try need(root.descriptor) } catch is ArchiveRefusal { needed.note(root.descriptor) }
        }
        if hasListing {
            // Which images are taken is known when the names of both lists are.
            for number in offer.names.distinct { try need(offer.names.descriptor(numbered: number)) }
            try offer.nameless.forEach(tryNeeding)
        } else {
            let selection = try options.select(offer) { try layout.manifest($0) }
            for number in selection.named.distinct { try need(selection.named.descriptor(numbered: number)) }
            try selection.nameless.forEach(tryNeeding)
        }
        var listed = BlobTable()
        for number in offer.names.distinct { listed.note(offer.names.descriptor(numbered: number)) }
        for root in offer.nameless { listed.note(root.descriptor) }
        let unlisted = try layout.unlisted { listed.position(of: $0) != nil || needed.position(of: $0) != nil }
        for referrer in unlisted.belonging(to: { needed.position(of: $0) != nil }) { try need(referrer.descriptor) }
        deliver(needed.taken())
    }
}

extension BlobTable {
    fileprivate mutating func note(_ descriptor: Descriptor) {
        insert(.init(digest: descriptor.digest, size: descriptor.size))
    }
}
