import Testing

/// What a process that was killed had reserved.
@Suite(.timeLimit(.minutes(10)))
struct DeadReservationTests {
    @Test("The reservation of a killed import goes with the next opening")
    func killed() async throws {
        try await TimedCache.with { timed async throws in
            try await timed.open { _ in }
            try timed.execute("INSERT INTO leases VALUES ('1-dead')")
            try timed.execute("INSERT INTO reservations VALUES (x'01aa', '1-dead', 3000000)")
            #expect(try timed.count("reservations") == 1)
            try await timed.open { _ in }
            #expect(try timed.count("reservations") == 0)
        }
    }
}
