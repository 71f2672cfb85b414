import OCI

/// Blobs that were left out of an archive, each with the receipt that says so; in as few bytes as a ``BlobList``.
package struct OmissionList: Sendable, RandomAccessCollection, ExpressibleByArrayLiteral {
    package typealias Element = ArchiveDocument.Omission

    package private(set) var blobs = BlobList()
    private var receipts: [Digest] = []

    package init() {}

    package init(arrayLiteral elements: Element...) { self.init(elements) }

    package init(_ elements: some Sequence<Element>) {
        for element in elements { append(element) }
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { blobs.count }

    package subscript(position: Int) -> Element {
        Element(blob: blobs[position], receipt: receipts[Int(blobs.label(at: position))])
    }

    /// - Returns: `false` for more receipts than there may be.
    @discardableResult
    package mutating func append(_ omission: Element) -> Bool {
        let known = receipts.last == omission.receipt ? receipts.count - 1 : receipts.firstIndex(of: omission.receipt)
        guard let label = UInt16(exactly: known ?? receipts.count), label < Self.maximumReceipts else { return false }
        if known == nil { receipts.append(omission.receipt) }
        blobs.append(omission.blob, label: label)
        return true
    }

    /// More receipts than anybody has.
    private static let maximumReceipts = 4096

    package consuming func sorted() -> OmissionList {
        blobs.sort()
        return self
    }

    /// Whether a list that is sorted has a digest.
    func contains(_ digest: Digest) -> Bool { blobs.position(of: digest) != nil }
}

extension OmissionList: Hashable {
    package static func == (left: OmissionList, right: OmissionList) -> Bool { left.elementsEqual(right) }

    package func hash(into hasher: inout Hasher) {
        for omission in self { hasher.combine(omission) }
    }
}
