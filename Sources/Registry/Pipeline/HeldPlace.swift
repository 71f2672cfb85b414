/// A place at a host that one request has, until it is given back.
struct HeldPlace: Sendable {
    /// Where a place is taken, and whether one is left to others.
    typealias Entrance = (gate: HostGate, isContent: Bool)

    private let entrances: [Entrance]
    private let lane: Lane

    /// Takes a place at all of the gates, or at none; never waits.
    init?(_ entrances: [Entrance], _ lane: Lane) {
        self.entrances = entrances
        self.lane = lane
        for (index, entrance) in entrances.enumerated()
        where !entrance.gate.enterIfFree(lane, isContent: entrance.isContent) {
            for taken in entrances[..<index] { taken.gate.leave(lane, isContent: taken.isContent) }
            return nil
        }
    }

    /// Gives it back, once.
    func leave() {
        for entrance in entrances.reversed() { entrance.gate.leave(lane, isContent: entrance.isContent) }
    }
}
