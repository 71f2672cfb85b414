/// Runs a closure for each number, two at a time, in order.
func onTwoLanes(
    _ numbers: some Sequence<Int>,
    _ body: @escaping @Sendable (Int) async throws -> Void
) async throws {
    var rest = Array(numbers)[...]
    try await withThrowingTaskGroup(of: Void.self) { group in
        func start() {
            guard let number = rest.popFirst() else { return }
            group.addTask { try await body(number) }
        }
        for _ in 0..<2 { start() }
        while try await group.next() != nil { start() }
    }
}

/// A seeded generator (SplitMix64), so that a run can be repeated.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
