/// An array that grows without moving what it holds: while an ordinary one of many megabytes grows, it is there two times.
struct ChunkedArray<Element> {
    /// How many elements a chunk has, as a power of two.
    private static var shift: Int { 14 }
    private static var mask: Int { 1 << shift - 1 }

    private var chunks: [[Element]] = []
    private(set) var count = 0

    init() {}

    init(repeating element: Element, count: Int) {
        for start in stride(from: 0, to: count, by: Self.mask + 1) {
            chunks.append(Array(repeating: element, count: Swift.min(count - start, Self.mask + 1)))
        }
        self.count = count
    }

    /// Puts each element in the place that the order has for it, without a second array; where there is none, nothing is done.
    ///
    /// - Parameter order: for each place, where its element is now.
    mutating func permute(_ order: [UInt32]) {
        guard !isEmpty else { return }
        var isDone = [Bool](repeating: false, count: count)
        for start in order.indices where !isDone[start] {
            let first = self[start]
            var hole = start
            while Int(order[hole]) != start {
                self[hole] = self[Int(order[hole])]
                isDone[hole] = true
                hole = Int(order[hole])
            }
            self[hole] = first
            isDone[hole] = true
        }
    }

    mutating func append(_ element: Element) {
        if count & Self.mask == 0 {
            chunks.append([])
            // The first one stays small where there is little.
            if count > 0 { chunks[chunks.count - 1].reserveCapacity(Self.mask + 1) }
        }
        chunks[chunks.count - 1].append(element)
        count += 1
    }
}

extension ChunkedArray: RandomAccessCollection, MutableCollection {
    var startIndex: Int { 0 }
    var endIndex: Int { count }

    subscript(position: Int) -> Element {
        get { chunks[position >> Self.shift][position & Self.mask] }
        _modify { yield &chunks[position >> Self.shift][position & Self.mask] }
    }
}

extension ChunkedArray: Sendable where Element: Sendable {}
