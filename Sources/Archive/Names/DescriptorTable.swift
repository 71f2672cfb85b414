import OCI

/// Descriptors in the order in which they were met, each once, in some 50 bytes; known by their numbers.
struct DescriptorTable: Sendable {
    private var table = BlobTable()
    /// Those that give another size or type to a digest that is there; one who does so gains nothing by it.
    private var contradicting = BlobList()
    private var types = ChunkedArray<UInt32>()
    private var contradictingTypes = ChunkedArray<UInt32>()
    private var knownTypes: [MediaType] = []
    private var numbersOfTypes: [MediaType: UInt32] = [:]

    private static let contradiction: UInt32 = 1 << 31

    /// - Returns: its number.
    mutating func insert(_ descriptor: Descriptor) -> UInt32 {
        let type = number(of: descriptor.mediaType)
        let blob = ArchiveDocument.Blob(digest: descriptor.digest, size: descriptor.size)
        let (position, isNew) = table.insert(blob)
        if isNew { types.append(type) }
        guard isNew || types[position] == type && table.list.size(at: position) == blob.size else {
            contradicting.append(blob)
            contradictingTypes.append(type)
            return Self.contradiction | UInt32(contradicting.count - 1)
        }
        return UInt32(position)
    }

    private mutating func number(of type: MediaType) -> UInt32 {
        if let number = numbersOfTypes[type] { return number }
        let number = UInt32(knownTypes.count)
        numbersOfTypes[type] = number
        knownTypes.append(type)
        return number
    }

    subscript(number: UInt32) -> Descriptor {
        let isOther = number >= Self.contradiction
        let position = Int(isOther ? number - Self.contradiction : number)
        let blob = isOther ? contradicting[position] : table.list[position]
        let type = knownTypes[Int(isOther ? contradictingTypes[position] : types[position])]
        guard let descriptor = Descriptor(mediaType: type, digest: blob.digest, size: blob.size) else {
            preconditionFailure("it was one when it came")
        }
        return descriptor
    }
}
