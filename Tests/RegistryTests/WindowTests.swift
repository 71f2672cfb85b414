import NIOCore
import OCI
import Synchronization
import TestSupport
import Testing

@testable import Registry

/// One blob over several connections.
@Suite(.timeLimit(.minutes(10)))
struct WindowTests {
    private static func otherRange(_ text: String, _ other: String) -> Action {
        .edit { $0.headers["Content-Range"] = $0.headers["Content-Range"]?.replacing(text, with: other) }
    }

    @Test("A blob that comes slowly comes over several connections, in order, within the bound of requests")
    func spreads() async throws {
        try await SlowBlob.with { slow in
            try await slow.read()
            let windows = slow.registry.requests.filter(SlowBlob.isWindow)
            #expect(windows.count > 8)
            #expect(slow.registry.requests.count <= 1 + SlowBlob.source.count / (4 << 20))
            #expect(Set(windows.map(\.connection)).count > 1)
            #expect(windows.allSatisfy { $0.headers["if-range"] != nil && $0.status == 206 })
            // No byte was asked for twice: the first answer ended where the first window begins.
            let asked = try windows.map { try SlowBlob.range(#require($0.headers["range"])) }
            let sorted = asked.sorted { $0.lowerBound < $1.lowerBound }
            #expect(zip(sorted, sorted.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
            #expect(sorted.last?.upperBound == SlowBlob.source.count)
            #expect(slow.scratch.alive == 0)
        }
    }

    @Test("With room for no file, or one connection alone, nothing more is asked", arguments: [true, false])
    func one(hasRoom: Bool) async throws {
        try await SlowBlob.with(maxConnections: hasRoom ? 1 : nil, hasRoom: hasRoom) { slow in
            try await slow.read()
            #expect(slow.registry.requests.count == 1)
        }
    }

    @Test("A blob that comes fast comes in one request")
    func fast() async throws {
        try await SlowBlob.with { slow in
            slow.valve.open()
            try await slow.read(isSlow: false)
            #expect(slow.registry.requests.count == 1)
        }
    }

    @Test(
        "A host that answers a range oddly is asked for blobs by one connection each from then on",
        arguments: [
            .ignoreRange, .header("Content-Range", "bytes 5-9/67108864"), .header("Content-Range", nil),
            .header("ETag", "\"another\""), .error(429, "TOOMANYREQUESTS"), .status(403), .status(416), .status(501),
            Self.otherRange("/67108864", "/9999999999"), Self.otherRange("-", "-1"),
            .error(503, "UNAVAILABLE", headers: ["Retry-After": "2"]), .status(503), .status(401),
            .close(afterBytes: 0),
        ] as [Action]
    )
    func odd(answer: Action) async throws {
        try await SlowBlob.with { slow in
            slow.registry.script(RequestMatch("GET", .blobs, times: nil, where: SlowBlob.isWindow), answer)
            try await slow.read()
            #expect(slow.scratch.alive == 0)
            let count = slow.registry.requests.count(where: SlowBlob.isWindow)
            #expect((1...9).contains(count))
            slow.registry.removeScript()
            try await slow.readOther()
            #expect(!slow.registry.requests.contains(where: SlowBlob.isWindowOfOther))
        }
    }

    @Test(
        "A window that breaks off is gone on with, and the next ones are taken as they are",
        arguments: [Action.close(afterBytes: 1 << 20), .reset(afterBytes: 100), .status(502), .extraBytes(10)]
    )
    func breaks(fault: Action) async throws {
        try await SlowBlob.with { slow in
            slow.registry.script(RequestMatch("GET", .blobs, times: 1, after: 1, where: SlowBlob.isWindow), fault)
            try await slow.read()
            #expect(slow.registry.requests.count(where: SlowBlob.isWindow) > 8)
            #expect(slow.registry.requests.count <= 2 + SlowBlob.source.count / (4 << 20))
        }
    }

    @Test("Where every window breaks off one connection brings the blob")
    func allBreak() async throws {
        try await SlowBlob.with { slow in
            slow.registry.script(
                RequestMatch("GET", .blobs, times: 12, where: SlowBlob.isWindow),
                .close(afterBytes: 1 << 20)
            )
            try await slow.read()
        }
    }

    @Test("Windows that bring no more are given up, and the host's other blobs come over one connection")
    func useless() async throws {
        try await SlowBlob.with { slow in
            let narrow = Valve(bytes: 1000)
            slow.registry.script(RequestMatch("GET", .blobs, times: nil, where: SlowBlob.isWindow), .trickle(narrow))
            try await slow.read {
                try await narrow.waitForStalls(7)
                try await slow.clock.waitForNoSleeper()
                slow.clock.advance(by: .seconds(60))
                narrow.open()
            }
            let count = slow.registry.requests.count(where: SlowBlob.isWindow)
            // Another may be opened for the first connection and for each of the first two windows that end, and of the first
            // two that it overtakes, before the third shows that they bring no more.
            #expect((7...12).contains(count))
            slow.registry.removeScript()
            try await slow.readOther()
            #expect(!slow.registry.requests.contains(where: SlowBlob.isWindowOfOther))
        }
    }

    @Test("A host that wants a pause after one window is left its first answer, which brings the rest at once")
    func pauses() async throws {
        try await SlowBlob.with(pauseClock: ManualClock()) { slow in
            slow.registry.script(
                RequestMatch("GET", .blobs, times: 1, where: SlowBlob.isWindow),
                .trickle(Valve(bytes: 1 << 20))
            )
            slow.registry.script(
                RequestMatch("GET", .blobs, times: nil, where: SlowBlob.isWindow),
                .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "30"])
            )
            try await slow.read {
                while !slow.repository.isHeldBack { await Task.yield() }
                for _ in 0..<100 { await Task.yield() }
            }
            #expect(slow.registry.requests.count { !SlowBlob.isWindow($0) } == 1)
            #expect(slow.registry.requests.allSatisfy { SlowBlob.isWindow($0) || $0.headers["range"] == nil })
        }
    }

    @Test("A pause that is shorter than the windows would take to come again leaves them what they are")
    func pausesShortly() async throws {
        try await SlowBlob.with { slow in
            slow.registry.script(
                RequestMatch("GET", .blobs, times: 1, after: 1, where: SlowBlob.isWindow),
                .error(429, "TOOMANYREQUESTS", headers: ["Retry-After": "3"])
            )
            try await slow.read {
                while !slow.repository.isHeldBack { await Task.yield() }
            }
            // The first answer was left where a window took over.
            #expect(slow.registry.requests[0].bytesSent < SlowBlob.source.count)
        }
    }

    @Test(
        "Where every other range is answered with something else the whole is asked for once more, and not at each gap",
        arguments: [.status(500), .ignoreRange, Self.otherRange("/67108864", "/9999999999")] as [Action]
    )
    func gaps(answer: Action) async throws {
        try await SlowBlob.with { slow in
            slow.registry.script(
                RequestMatch("GET", .blobs, times: nil) { request in
                    let range = request.headers["range"]?.dropFirst("bytes=".count)
                    return (range?.split(separator: "-").first.flatMap { Int($0) }).map { $0 >> 22 & 1 == 1 } ?? false
                },
                answer
            )
            try await slow.read()
            #expect(slow.registry.requests.count { !SlowBlob.isWindow($0) && $0.status == 200 } <= 2)
        }
    }

    @Test(
        "Windows go where the registry has led a moment ago, and ask it again once that is refused",
        arguments: [0, 1]
    )
    func ledAway(refusals: Int) async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: "ci", password: "p4ss")) { entrance in
            let credentials = entrance.host.passwordVariables("ci", "p4ss")
            try await SlowBlob.with(entrance: entrance, credentials: credentials) { slow in
                if refusals > 0 {
                    slow.registry.script(
                        RequestMatch("GET", .blobs, times: refusals, where: SlowBlob.isWindow),
                        .status(403)
                    )
                }
                try await slow.read()
                #expect(slow.registry.requests.count(where: SlowBlob.isWindow) > 8)
                let count = entrance.requests.count { $0.path.contains("/blobs/") && $0.status != 401 }
                #expect(refusals == 0 ? count == 1 : count > 1)
                #expect(slow.registry.requests.allSatisfy { $0.headers["authorization"] == nil })
            }
        }
    }

    @Test("Another blob that waits takes the place of the next window that ends")
    func fairness() async throws {
        let other = ByteSource.random(seed: 9, count: 1000)
        try await SlowBlob.with(maxConnections: 2) { slow in
            slow.registry.store.putBlob(.bytes(other), other.descriptor.digest, in: "library/app")
            let narrow = Valve()
            slow.registry.script(RequestMatch("GET", .blobs, times: 1, where: SlowBlob.isWindow), .trickle(narrow))
            try await slow.read {
                try await narrow.waitForStalls()
                async let bytes = slow.repository.bytes(of: other.descriptor)
                // It waits for a place: nothing tells that but that it is not asked for.
                for _ in 0..<1000 { await Task.yield() }
                #expect(slow.registry.requests.count == 2)
                narrow.open()
                #expect(try await bytes == other.buffer)
            }
            #expect(slow.registry.requests[2].path.hasSuffix("\(other.descriptor.digest)"))
            #expect(slow.registry.requests.count(where: SlowBlob.isWindow) > 4)
        }
    }

    @Test("Cancelled in the middle it ends at once, and leaves neither a file nor a place taken")
    func cancelled() async throws {
        try await SlowBlob.with { slow in
            let narrow = Valve(bytes: 1000)
            slow.registry.script(RequestMatch("GET", .blobs, times: nil, where: SlowBlob.isWindow), .trickle(narrow))
            await #expect(throws: CancellationError.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await slow.read() }
                    try await narrow.waitForStalls(7)
                    group.cancelAll()
                    try await group.waitForAll()
                }
            }
            #expect(slow.scratch.alive == 0)
            slow.registry.removeScript()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 1...8 { group.addTask { try await slow.readOther() } }
                try await group.waitForAll()
            }
        }
    }

    @Test("What the receiver throws ends windows and all")
    func receiver() async throws {
        try await SlowBlob.with { slow in
            await #expect(throws: SampleReader.Broken()) { try await slow.read(failsAt: 30 << 20) }
            #expect(slow.scratch.alive == 0)
        }
    }

    @Test("A scratch file that cannot be written, or read, costs time alone", arguments: [true, false])
    func disk(isWriting: Bool) async throws {
        try await SlowBlob.with { slow in
            slow.scratch.fault.withLock { $0 = isWriting ? .writing : .reading }
            try await slow.read()
        }
    }

    @Test("A scratch file that cannot be written is no fault of the host, or of where it has led")
    func full() async throws {
        try await ScriptedRegistry.with { entrance in
            try await SlowBlob.with(entrance: entrance) { slow in
                slow.scratch.fault.withLock { $0 = .writing }
                try await slow.read()
                #expect(slow.registry.requests.count(where: SlowBlob.isWindow) >= 3)
                #expect(entrance.requests.count { $0.path.contains("/blobs/") } == 1)
                #expect(!slow.other.client.oneConnection.isEnough)
            }
        }
    }
}
