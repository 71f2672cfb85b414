import Glibc
package import OCI

/// Blobs and their sizes, 40 bytes each: an archive may have hundreds of thousands, and this is all that is kept of them.
package struct BlobList: Sendable, RandomAccessCollection, ExpressibleByArrayLiteral {
    package typealias Element = ArchiveDocument.Blob

    /// The hashes one behind the other, each of ``width`` bytes.
    private var hashes: [UInt8] = []
    private var sizes: [Int64] = []
    /// 64 once there is a sha512 digest: one list hardly ever has both.
    private var width = Digest.Algorithm.sha256.byteCount
    /// Which of them are sha512 digests; empty where none is.
    private var isLong: [Bool] = []
    /// What else is to be known of each; empty where nothing is.
    private var labels: [UInt16] = []
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
        let algorithm: Digest.Algorithm = isLong.isEmpty || !isLong[position] ? .sha256 : .sha512
        let start = position * width
        guard let digest = Digest(algorithm: algorithm, bytes: Array(hashes[start..<start + algorithm.byteCount]))
        else {
            preconditionFailure("a hash is as long as its algorithm says")
        }
        return digest
    }

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
        if blob.digest.algorithm == .sha512, isLong.isEmpty { widen() }
        hashes += blob.digest.bytes
        if width > blob.digest.bytes.count {
            hashes.append(contentsOf: repeatElement(0, count: width - blob.digest.bytes.count))
        }
        if width > Digest.Algorithm.sha256.byteCount { isLong.append(blob.digest.algorithm == .sha512) }
        sizes.append(blob.size)
        if isSorted, count > 1 { isSorted = !precedes(count - 1, count - 2) }
    }

    private mutating func widen() {
        let old = width
        var wide: [UInt8] = []
        for start in stride(from: 0, to: hashes.count, by: old) {
            wide += hashes[start..<start + old]
            wide.append(contentsOf: repeatElement(0, count: old))
        }
        (hashes, width) = (wide, 2 * old)
        isLong = Array(repeating: false, count: count)
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
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            let order = compare(middle, digest)
            if order == 0 { return middle }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return nil
    }

    /// Whether a list that is sorted has a blob of that digest and size.
    package func contains(_ blob: Element) -> Bool { position(of: blob.digest).map { sizes[$0] == blob.size } ?? false }

    /// Whether the digest at a position is this one.
    package func isDigest(at position: Int, _ digest: Digest) -> Bool { compare(position, digest) == 0 }
}

extension BlobList {
    private func isLong(_ position: Int) -> Bool { !isLong.isEmpty && isLong[position] }

    /// As `memcmp` has it.
    private func compare(_ position: Int, _ digest: Digest) -> Int {
        let isOther = isLong(position)
        guard isOther == (digest.algorithm == .sha512) else { return isOther ? 1 : -1 }
        return hashes.withUnsafeBytes { hashes in
            digest.bytes.withUnsafeBytes { Self.compare(hashes[(position * width)...].prefix($0.count), $0[...]) }
        }
    }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        guard isLong(left) == isLong(right) else { return isLong(right) }
        return hashes.withUnsafeBytes { hashes in
            Self.compare(hashes[(left * width)...].prefix(width), hashes[(right * width)...].prefix(width)) < 0
        }
    }

    /// Of the same length.
    private static func compare(
        _ left: Slice<UnsafeRawBufferPointer>,
        _ right: Slice<UnsafeRawBufferPointer>
    ) -> Int {
        let (left, right) = (UnsafeRawBufferPointer(rebasing: left), UnsafeRawBufferPointer(rebasing: right))
        guard let first = left.baseAddress, let second = right.baseAddress else { return 0 }
        return Int(memcmp(first, second, left.count))
    }

    /// Puts them in order by their digests, in place.
    package mutating func sort() {
        guard !isSorted else { return }
        var order = (0..<UInt32(count)).map(\.self)
        order.sort { precedes(Int($0), Int($1)) }
        for start in order.indices where Int(order[start]) != start {
            let first = (self[start], labels.isEmpty ? 0 : labels[start])
            var hole = start
            while Int(order[hole]) != start {
                let next = Int(order[hole])
                move(next, to: hole)
                order[hole] = UInt32(hole)
                hole = next
            }
            set(first.0, at: hole)
            if !labels.isEmpty { labels[hole] = first.1 }
            order[hole] = UInt32(hole)
        }
        isSorted = true
    }

    package consuming func sorted() -> BlobList {
        sort()
        return self
    }

    private mutating func move(_ source: Int, to target: Int) {
        for byte in 0..<width { hashes[target * width + byte] = hashes[source * width + byte] }
        sizes[target] = sizes[source]
        if !labels.isEmpty { labels[target] = labels[source] }
        if !isLong.isEmpty { isLong[target] = isLong[source] }
    }

    private mutating func set(_ blob: Element, at position: Int) {
        for (byte, value) in blob.digest.bytes.enumerated() { hashes[position * width + byte] = value }
        for byte in blob.digest.bytes.count..<width { hashes[position * width + byte] = 0 }
        sizes[position] = blob.size
        if !isLong.isEmpty { isLong[position] = blob.digest.algorithm == .sha512 }
    }

    /// Whether a list that is sorted has no digest twice.
    var isUnique: Bool { indices.dropFirst().allSatisfy { precedes($0 - 1, $0) } }
}

extension BlobList: Hashable {
    package static func == (left: BlobList, right: BlobList) -> Bool { left.elementsEqual(right) }

    package func hash(into hasher: inout Hasher) {
        for blob in self { hasher.combine(blob) }
    }
}
