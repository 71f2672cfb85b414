import OCI

/// Names as texts, and what each stands for: 12 bytes a name beside its text, and what a ``DescriptorTable`` takes.
struct NamedTops: Sendable {
    private(set) var texts = NameTexts()
    private var numbers = ChunkedArray<UInt32>()
    private var table = DescriptorTable()

    var count: Int { texts.count }
    var indices: Range<Int> { 0..<count }

    /// The repositories that they are in, as far as they are whole references.
    var locations: Set<RepositoryReference> {
        Set(indices.compactMap { (try? ImageReference(text(at: $0)))?.location })
    }

    mutating func append(_ text: String, _ descriptor: Descriptor) {
        texts.append(text)
        numbers.append(table.insert(descriptor))
    }

    func text(at position: Int) -> String { texts[position] }

    func descriptor(at position: Int) -> Descriptor { table[numbers[position]] }

    /// What all names of one descriptor have in common.
    func number(at position: Int) -> UInt32 { numbers[position] }

    func descriptor(numbered number: UInt32) -> Descriptor { table[number] }

    /// Puts them in order by the bytes of their texts; of equal ones the first stays the first.
    mutating func sort() {
        let isSorted = indices.dropFirst().allSatisfy { !texts.isBefore($0, $0 - 1) }
        guard !isSorted else { return }
        var order = indices.map(UInt32.init)
        order.sort { texts.isBefore(Int($0), Int($1)) || $0 < $1 && !texts.isBefore(Int($1), Int($0)) }
        texts.permute(order)
        numbers.permute(order)
    }

    /// Whether the text at a position is that of the one before.
    func repeatsName(at position: Int) -> Bool { position > 0 && texts.areEqual(position - 1, position) }

    /// The numbers of what they stand for, each once, in the order of the names.
    var distinct: [UInt32] {
        var seen: Set<UInt32> = []
        var distinct: [UInt32] = []
        for number in numbers where seen.insert(number).inserted { distinct.append(number) }
        return distinct
    }
}
