package import OCI

extension ImportReport {
    /// What became of all references, packed: there may be hundreds of thousands.
    package struct Images: Sendable {
        private enum Code: UInt8 {
            case added
            case moved
            case unchanged
            case waiting
        }

        private var list = ImageList()
        private var codes = ChunkedArray<Code>()
        /// What those that moved stood for before, and where that is.
        private var earlier = BlobTable()
        private var places = SparseNumbers()
        private var narrowings: [Narrowing] = []
        private var narrowed = SparseNumbers()
        private var numbersOfNarrowings: [Digest: UInt32] = [:]

        package init() {}

        mutating func append(_ image: Image) {
            let position = codes.count
            var place: UInt32?
            switch image.outcome {
            case .added: codes.append(.added)
            case .unchanged: codes.append(.unchanged)
            case .waiting: codes.append(.waiting)
            case .moved(let digest):
                place = UInt32(earlier.insert(.init(digest: digest, size: 0)).position)
                codes.append(.moved)
            }
            places.append(place, at: position)
            narrowed.append(image.narrowing.map { number(of: $0) }, at: position)
            list.append(image.reference, image.descriptor)
        }

        private mutating func number(of narrowing: Narrowing) -> UInt32 {
            if let number = numbersOfNarrowings[narrowing.index] { return number }
            narrowings.append(narrowing)
            numbersOfNarrowings[narrowing.index] = UInt32(narrowings.count - 1)
            return UInt32(narrowings.count - 1)
        }

        /// Takes out what is waited for and meets a condition.
        package mutating func removeWaiting(where isRemoved: (ImageReference) -> Bool) {
            var rest = Images()
            for image in self where image.outcome != .waiting || !isRemoved(image.reference) { rest.append(image) }
            self = rest
        }

        private func outcome(at position: Int) -> Outcome {
            switch codes[position] {
            case .added: return .added
            case .unchanged: return .unchanged
            case .waiting: return .waiting
            case .moved:
                guard let place = places[position] else { preconditionFailure("what moved was somewhere") }
                return .moved(from: earlier.list.digest(at: Int(place)))
            }
        }
    }
}

extension ImportReport.Images: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { codes.count }

    package subscript(position: Int) -> ImportReport.Image {
        let image = list[position]
        return .init(
            reference: image.reference,
            descriptor: image.descriptor,
            outcome: outcome(at: position),
            narrowing: narrowed[position].map { narrowings[Int($0)] }
        )
    }
}

/// A number of some elements and of most none; takes nothing while none has one.
private struct SparseNumbers: Sendable {
    /// One more than the number, 0 for none.
    private var numbers = ChunkedArray<UInt32>()

    /// The position is how many have been appended before.
    mutating func append(_ number: UInt32?, at position: Int) {
        if number != nil, numbers.isEmpty { numbers = ChunkedArray(repeating: 0, count: position) }
        if number != nil || !numbers.isEmpty { numbers.append(number.map { $0 + 1 } ?? 0) }
    }

    subscript(position: Int) -> UInt32? {
        numbers.isEmpty || numbers[position] == 0 ? nil : numbers[position] - 1
    }
}
