import FoundationEssentials
import OCI
import TestSupport
import Testing

@testable import Registry
@testable import Sync

/// What is remembered of mirrors, and for how long.
@Suite(.timeLimit(.minutes(10)))
struct MirrorMemoryTests {
    @Test("Of two times that a mirror tells the longer one holds")
    func longer() throws {
        var standing = MirrorStanding()
        for told in [60.0, 5] {
            let error = RegistryError(
                kind: .rateLimited(until: .now.addingTimeInterval(told)),
                action: .readBlob,
                location: try RepositoryReference("mirror.example.com/library/app"),
                detail: "no"
            )
            _ = standing.failed(error, at: .seconds(1), restingFor: nil)
        }
        #expect(!standing.isAsked(at: .seconds(50)))
    }

    @Test("The time that a mirror has told holds also where it fails meanwhile and would rest for less")
    func longerThanFailure() throws {
        let location = try RepositoryReference("mirror.example.com/library/app")
        var standing = MirrorStanding()
        for kind in [RegistryError.Kind.rateLimited(until: .now.addingTimeInterval(60)), .connection(.refused)] {
            let error = RegistryError(kind: kind, action: .readBlob, location: location, detail: "no")
            _ = standing.failed(error, at: .seconds(1), restingFor: .seconds(5))
        }
        #expect(!standing.isAsked(at: .seconds(50)))
        #expect(standing.isAsked(at: .seconds(62)))
    }

    @Test("What a mirror cannot do counts against it where it says so itself", arguments: [nil, 501])
    func unsupported(status: Int?) throws {
        let location = try RepositoryReference("mirror.example.com/library/app")
        let error = RegistryError(
            kind: .unsupported,
            action: .readBlob,
            location: location,
            status: status,
            detail: "no"
        )
        var standing = MirrorStanding()
        for _ in 0..<3 { _ = standing.failed(error, at: .zero, restingFor: nil) }
        #expect(standing.isAsked(at: .seconds(1)) == (status == nil))
    }

    @Test("A mirror that refuses to say something to the one who asks after its rest is asked by all again")
    func refusesAfterRest() throws {
        let location = try RepositoryReference("mirror.example.com/library/app")
        let refused = { RegistryError(kind: $0, action: .readBlob, location: location, detail: "no") }
        var standing = MirrorStanding()
        _ = standing.failed(refused(.connection(.refused)), at: .zero, restingFor: .seconds(60))
        let isAsked = standing.begin(at: .seconds(60))
        #expect(isAsked && !standing.isAsked(at: .seconds(61)))
        _ = standing.failed(refused(.forbidden), at: .seconds(61), restingFor: .seconds(60))
        #expect(standing.isAsked(at: .seconds(61)))
    }

    @Test("A mirror that has come back and fails again is told of again")
    func toldAgain() throws {
        let (clock, log) = (TestClock(), LogText())
        let health = MirrorHealth(logger: log.logger, clock: clock, rest: .seconds(60))
        let location = try RepositoryReference("mirror.example.com/library/app")
        let error = RegistryError(kind: .timeout, action: .readBlob, location: location, detail: "no")
        for _ in 0..<2 {
            health.failed(location, error)
            health.failed(location, error)
            clock.advance(by: .seconds(61))
            health.answered(location)
        }
        #expect(log.text.split(separator: "\n").count { $0.hasPrefix("warning") } == 2, "\(log.text)")
    }

    @Test("Whose bytes of a blob were wrong is forgotten after a time by who serves for months")
    func forgetsSenders() throws {
        let clock = TestClock()
        let senders = MirrorHealth(logger: LogText().logger, clock: clock, rest: .seconds(60)).senders
        let mirror = try RepositoryReference("mirror.example.com/library/app")
        let digest = SampleImage.image().digest
        senders.sent(digest, mirror)
        #expect(senders.begin(digest) == [mirror])
        clock.advance(by: .seconds(60))
        #expect(senders.begin(digest) == [mirror])
        clock.advance(by: .seconds(1))
        #expect(senders.begin(digest) == [])
    }

    @Test("However long a mirror took for wrong bytes, and whatever else is read, it is not asked for them again")
    func remembersSlowSenders() throws {
        let clock = TestClock()
        let senders = MirrorHealth(logger: LogText().logger, clock: clock, rest: .seconds(60)).senders
        let mirror = try RepositoryReference("mirror.example.com/library/app")
        let digest = SampleImage.image().digest
        #expect(senders.begin(digest) == [])
        clock.advance(by: .seconds(75))
        senders.sent(digest, mirror)
        #expect(senders.begin(digest) == [mirror])
        clock.advance(by: .seconds(75))
        // Who reads on has the right bytes of another so far.
        #expect(senders.begin(SampleImage.image(layers: [.init(seed: 2, size: 10)]).digest) == [])
        #expect(senders.rejected(digest) == [mirror])
    }
}
