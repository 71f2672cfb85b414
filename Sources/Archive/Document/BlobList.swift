package import OCI

/// Blobs and their sizes, 40 bytes each: an archive may have hundreds of thousands, and this is all that is kept of them.
package struct BlobList: Sendable, RandomAccessCollection, ExpressibleByArrayLiteral {
    package typealias Element = ArchiveDocument.Blob

    private var hashes = ChunkedArray<HashPart>()
    /// The second halves of sha512 digests; empty where there is none.
    private var rests = ChunkedArray<HashPart?>()
    private var sizes = ChunkedArray<Int64>()
    /// What else is to be known of each; empty where nothing is.
    private var labels = ChunkedArray<UInt16>()
    private var isSorted = true

    package init() {}

    package init(arrayLiteral elements: Element...) { self.init(elements) }

    package init(_ blobs: some Sequence<Element>) {
        if let list = blobs as? BlobList {
            self = list
        } else {
            for blob in blobs { append(blob) }
        }
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { sizes.count }

    package subscript(position: Int) -> Element { Element(digest: digest(at: position), size: sizes[position]) }

    package func digest(at position: Int) -> Digest {
        let rest = rest(at: position)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(rest == nil ? HashPart.byteCount : 2 * HashPart.byteCount)
        hashes[position].append(to: &bytes)
        rest?.append(to: &bytes)
        guard let digest = Digest(algorithm: rest == nil ? .sha256 : .sha512, bytes: bytes) else {
            preconditionFailure("a hash is as long as its algorithm says")
        }
        return digest
    }

    private func rest(at position: Int) -> HashPart? { rests.isEmpty ? nil : rests[position] }

    package func size(at position: Int) -> Int64 { sizes[position] }

    package mutating func setSize(_ size: Int64, at position: Int) { sizes[position] = size }

    /// What was given with it.
    func label(at position: Int) -> UInt16 { labels[position] }

    /// Either all get a label or none does.
    mutating func append(_ blob: Element, label: UInt16) {
        labels.append(label)
        append(blob)
    }

    package mutating func append(_ blob: Element) {
        let key = Key(blob.digest)
        if key.rest != nil, rests.isEmpty { rests = ChunkedArray(repeating: nil, count: count) }
        hashes.append(key.hash)
        if key.rest != nil || !rests.isEmpty { rests.append(key.rest) }
        sizes.append(blob.size)
        if isSorted, count > 1 { isSorted = self.key(at: count - 2) <= key }
    }

    /// The sum of the sizes, in bytes; as much as there can be at most where they make no sense.
    package var totalSize: Int64 {
        sizes.reduce(0) { sum, size in
            let (next, overflows) = sum.addingReportingOverflow(size)
            return overflows ? .max : next
        }
    }

    /// Where a digest stands in a list that is sorted.
    package func position(of digest: Digest) -> Int? {
        let wanted = Key(digest)
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            let key = key(at: middle)
            if key == wanted { return middle }
            if key < wanted { low = middle + 1 } else { high = middle }
        }
        return nil
    }

    /// Whether a list that is sorted has a blob of that digest and size.
    package func contains(_ blob: Element) -> Bool { position(of: blob.digest).map { sizes[$0] == blob.size } ?? false }

    /// Whether the digest at a position is this one.
    package func isDigest(at position: Int, _ digest: Digest) -> Bool { key(at: position) == Key(digest) }
}

extension BlobList {
    /// What they are put in order by: the algorithm, and then the bytes.
    private struct Key: Comparable {
        let hash: HashPart
        let rest: HashPart?

        init(hash: HashPart, rest: HashPart?) {
            self.hash = hash
            self.rest = rest
        }

        init(_ digest: Digest) {
            hash = HashPart(digest.bytes, at: 0)
            rest = digest.algorithm == .sha512 ? HashPart(digest.bytes, at: HashPart.byteCount) : nil
        }

        static func < (left: Key, right: Key) -> Bool {
            switch (left.rest, right.rest) {
            case (nil, nil): left.hash < right.hash
            case (nil, _?): true
            case (_?, nil): false
            case (let first?, let second?): left.hash == right.hash ? first < second : left.hash < right.hash
            }
        }
    }

    private func key(at position: Int) -> Key { Key(hash: hashes[position], rest: rest(at: position)) }

    /// Puts them in order by their digests, in place.
    package mutating func sort() {
        guard !isSorted else { return }
        var order = (0..<UInt32(count)).map(\.self)
        order.sort { key(at: Int($0)) < key(at: Int($1)) }
        hashes.permute(order)
        rests.permute(order)
        sizes.permute(order)
        labels.permute(order)
        isSorted = true
    }

    package consuming func sorted() -> BlobList {
        sort()
        return self
    }

    /// Whether a list that is sorted has no digest twice.
    var isUnique: Bool { indices.dropFirst().allSatisfy { key(at: $0 - 1) < key(at: $0) } }
}

extension BlobList: Hashable {
    package static func == (left: BlobList, right: BlobList) -> Bool { left.elementsEqual(right) }

    package func hash(into hasher: inout Hasher) {
        for blob in self { hasher.combine(blob) }
    }
}
