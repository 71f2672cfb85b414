/// A place at a host that one request has, until it is given back.
struct HeldPlace: Sendable {
    private let gates: [HostGate]
    private let lane: Lane

    /// Takes a place at all of the gates, or at none; never waits.
    init?(_ gates: [HostGate], _ lane: Lane) {
        self.gates = gates
        self.lane = lane
        for (index, gate) in gates.enumerated() where !gate.enterIfFree(lane) {
            for taken in gates[..<index] { taken.leave(lane) }
            return nil
        }
    }

    /// Gives it back, once.
    func leave() {
        for gate in gates.reversed() { gate.leave(lane) }
    }
}
