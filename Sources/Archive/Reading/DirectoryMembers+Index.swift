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
        func tryNeeding(_ descriptor: Descriptor) throws {
            do { try need(descriptor) } catch is ArchiveRefusal { needed.note(descriptor) }
        }
        if hasListing {
            // Which images are taken is known when the names of both lists are.
            for number in offer.names.distinct {
                let descriptor = offer.names.descriptor(numbered: number)
                if options.only.isEmpty { try need(descriptor) } else { try tryNeeding(descriptor) }
            }
            for root in offer.nameless { try tryNeeding(root.descriptor) }
        } else {
            let selection = try options.select(offer) { try layout.manifest($0) }
            for number in selection.named.distinct {
                let descriptor = selection.named.descriptor(numbered: number)
                let isAttached = selection.attached.contains(descriptor.digest)
                if isAttached { try tryNeeding(descriptor) } else { try need(descriptor) }
            }
            for root in selection.nameless { try tryNeeding(root.descriptor) }
        }
        var listed = BlobTable()
        for number in offer.names.distinct { listed.note(offer.names.descriptor(numbered: number)) }
        for root in offer.nameless { listed.note(root.descriptor) }
        let unlisted = try layout.unlisted { listed.position(of: $0) != nil || needed.position(of: $0) != nil }
        for referrer in unlisted.belonging(to: { needed.position(of: $0) != nil }) {
            try tryNeeding(referrer.descriptor)
        }
        deliver(needed.taken())
    }
}

extension BlobTable {
    fileprivate mutating func note(_ descriptor: Descriptor) {
        insert(.init(digest: descriptor.digest, size: descriptor.size))
    }
}
