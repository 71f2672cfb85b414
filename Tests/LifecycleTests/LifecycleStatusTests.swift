import Lifecycle
import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct LifecycleStatusTests {
    private static func catalogue() throws -> LifecycleCatalogue {
        try LifecycleCatalogue(
            yaml: """
                alpine:
                  - {cycle: "3.21", eol: 2026-11-01, latest: 3.21.3, latestReleaseDate: 2025-02-13}
                  - {cycle: "3.20", eol: 2026-04-01, latest: 3.20.6}
                  - {cycle: "3.10", eol: true}
                  - {cycle: "3.9", eol: false, latest: 3.9.0-rc1}
                  - {cycle: "3.8", latest: 21.0.5+11}
                postgresql:
                  - {cycle: "17", eol: 2029-11-08, latest: "17.2"}
                """,
            file: "eol.yaml"
        )
    }

    private func status(
        _ tag: String,
        product: String = "alpine",
        track: LifecycleTrack = .minor,
        today: String = "2026-01-01"
    ) throws -> LifecycleStatus {
        try Self.catalogue().status(
            of: TagName(tag),
            tracking: LifecycleTracking(product: product, track: track),
            today: #require(CalendarDate(today))
        )
    }

    @Test(
        "The state of a tag's cycle",
        arguments: [
            ("3.21.3", LifecycleStatus.State.supported, "3.21", 304), ("3.21-slim", .supported, "3.21", 304),
            ("3.20.6", .endsSoon, "3.20", 90), ("3.10.1", .ended, "3.10", nil), ("3.9.1", .supported, "3.9", nil),
            ("3.8", .unknownDate, "3.8", nil), ("3.1", .unknownCycle, "3.1", nil), ("latest", .noVersion, nil, nil),
        ] as [(String, LifecycleStatus.State, String?, Int?)]
    )
    func states(tag: String, state: LifecycleStatus.State, cycle: String?, daysLeft: Int?) throws {
        let status = try status(tag)
        #expect(status.state == state)
        #expect(status.cycle == cycle)
        #expect(status.daysLeft == daysLeft)
        #expect(status.isEnded == (state == .ended))
        #expect(status.endsSoon == (state == .endsSoon))
    }

    @Test(
        "The days around an end of life",
        arguments: [
            ("2026-08-02", LifecycleStatus.State.supported, 91), ("2026-08-03", .endsSoon, 90),
            ("2026-10-31", .endsSoon, 1), ("2026-11-01", .ended, 0), ("2026-11-02", .ended, -1),
        ]
    )
    func boundaries(today: String, state: LifecycleStatus.State, daysLeft: Int) throws {
        let status = try status("3.21.3", today: today)
        #expect(status.state == state)
        #expect(status.daysLeft == daysLeft)
    }

    @Test("Major cycles, unknown products, and what is known of the newest release")
    func details() throws {
        let postgres = try status("17.2-alpine", product: "postgresql", track: .major)
        #expect(postgres.cycle == "17")
        #expect(postgres.state == .supported)
        #expect(postgres.newest == "17.2")
        let unknown = try status("3.21.3", product: "nothing")
        #expect(unknown.state == .unknownProduct)
        #expect(unknown.cycle == "3.21")
        #expect(unknown.endOfLife == .unknown)
        #expect(try status("3.21").newestReleaseDate == CalendarDate("2025-02-13"))
    }

    @Test(
        "Whether a tag is its cycle's newest release",
        arguments: [
            ("3.21.3", true), ("v3.21.3", true), ("3.21.3-slim", true), ("3.21.3-rc.1", false), ("3.21.2", false),
            ("3.21.4", true), ("3.21.4-rc.1", true), ("3.21", nil), ("3.21-slim", nil), ("3.10.1", nil),
            ("latest", nil),
            ("3.9.0-rc1", true), ("3.8.0", false),
        ] as [(String, Bool?)]
    )
    func newest(tag: String, expected: Bool?) throws {
        let status = try status(tag)
        #expect(status.isNewestInCycle == expected)
    }

    @Test("The summary's figures count every tag once")
    func figures() throws {
        let tags = ["3.21.3", "3.20.6", "3.20.5", "3.10.1", "3.9.1", "3.8", "3.1", "latest"]
        let figures = LifecycleFigures(try tags.map { try status($0) })
        #expect(figures.tracked == 8)
        #expect(figures.ended == 1)
        #expect(figures.endingSoon == 2)
        #expect(figures.unknown == 3)
        #expect(figures.stale == 0)
        #expect(LifecycleFigures([]).tracked == 0)
    }
}
