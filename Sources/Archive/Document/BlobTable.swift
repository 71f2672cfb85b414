import OCI

/// Blobs in the order in which they were met, each once, and found by their digests; some 50 bytes each.
struct BlobTable: Sendable {
    private(set) var list = BlobList()
    /// One more than a position in the list, 0 for nothing; as many as a power of two.
    private var slots: [UInt32] = Array(repeating: 0, count: 16)

    var count: Int { list.count }

    func position(of digest: Digest) -> Int? {
        let slot = slots[slot(of: digest)]
        return slot == 0 ? nil : Int(slot) - 1
    }

    /// Adds a blob unless there is one of that digest.
    ///
    /// - Returns: where it is, and whether it is new.
    @discardableResult
    mutating func insert(_ blob: ArchiveDocument.Blob) -> (position: Int, isNew: Bool) {
        let slot = slot(of: blob.digest)
        if slots[slot] != 0 { return (Int(slots[slot]) - 1, false) }
        list.append(blob)
        slots[slot] = UInt32(list.count)
        if 4 * list.count > 3 * slots.count { grow() }
        return (list.count - 1, true)
    }

    mutating func setSize(_ size: Int64, at position: Int) { list.setSize(size, at: position) }

    /// The blobs alone.
    consuming func taken() -> BlobList { list }

    /// Where a digest is, or would be.
    ///
    /// Digests can be chosen by others, so the hash has a seed.
    private func slot(of digest: Digest) -> Int {
        var hasher = Hasher()
        digest.bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
        var slot = hasher.finalize() & (slots.count - 1)
        while slots[slot] != 0, !list.isDigest(at: Int(slots[slot]) - 1, digest) {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: 2 * slots.count)
        for position in list.indices { slots[slot(of: list.digest(at: position))] = UInt32(position + 1) }
    }
}
