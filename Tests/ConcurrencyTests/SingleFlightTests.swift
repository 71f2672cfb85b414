import Concurrency
import Testing

/// What is fetched once for all who ask.
@Suite(.timeLimit(.minutes(2)))
struct SingleFlightTests {
    @Test("What is kept costs no more together than it may, and what was dropped is fetched again")
    func bounded() async throws {
        let flight = SingleFlight<Int, Int>(capacity: 10) { $0 }
        var fetched: [Int] = []
        for key in [4, 5, 4, 3, 5, 1, 4, 1, 4] {
            let fetch = { () async throws -> Int in
                fetched.append(key)
                return key
            }
            _ = try await flight.value(for: key, isGood: { _ in true }, fetch: fetch)
        }
        #expect(fetched == [4, 5, 3, 1, 4])
    }
}
