import NIOCore
import OCI
import TestSupport
import Testing

@testable import Serve

/// Answers of which a client has not taken all when its connection is to end.
@Suite(.timeLimit(.minutes(10)))
struct UnreadAnswerTests {
    enum Kind: CaseIterable {
        case file
        case memory
    }

    private static let image = SampleImage.image(layers: [.init(seed: 3, size: 1_000_000)])
    private static let page = LargePage()

    private static func body(_ kind: Kind) -> ByteBuffer {
        kind == .file ? image.blobs[1].source.buffer : ByteBuffer(string: page.html)
    }

    private static func request(_ kind: Kind, _ lines: String...) -> String {
        let uri = kind == .file ? "/v2/app/blobs/\(image.blobs[1].descriptor.digest)" : "/"
        return (["GET \(uri) HTTP/1.1", "Host: a"] + lines).map { "\($0)\r\n" }.joined() + "\r\n"
    }

    private static func serving<R>(
        limits: ConnectionLimits = .patient,
        _ body: (ServedCache) async throws -> R
    ) async throws -> R {
        try await ServedCache.with([("docker.io/library/app:1", image)], limits: limits, page: page, body)
    }

    /// Waits until as much of the answer has been handed to the connection as that takes.
    private static func waitForAnswer(of served: ServedCache) async throws {
        while !served.log.text.contains("answered"), !served.metrics.text([]).contains("imglife_serve_streams 1\n") {
            try await ContinuousClock().sleep(for: .milliseconds(5))
        }
    }

    @Test("A stopping server sends all of an answer that a client still takes", arguments: Kind.allCases)
    func stopping(kind: Kind) async throws {
        var limits = ConnectionLimits.patient
        // On a loaded machine the answer takes longer than a stopping server waits otherwise.
        limits.drain = .seconds(500)
        let (host, hasAsked, isAnswered) = (Watched<RegistryHost?>(nil), Watched(false), Watched(false))
        let received = try await withThrowingTaskGroup(of: RawConnection.Received?.self) { group in
            group.addTask { [limits] in
                try await Self.serving(limits: limits) { served async throws in
                    host.update { $0 = try? served.host }
                    try await hasAsked.wait { $0 }
                    try await Self.waitForAnswer(of: served)
                    isAnswered.update { $0 = true }
                }
                return nil
            }
            group.addTask {
                try await host.wait { $0 != nil }
                let place = try #require(host.value)
                return try await RawConnection.with(to: place, greeting: Self.request(kind), pauses: true) {
                    connection async throws in
                    hasAsked.update { $0 = true }
                    // What else is answered would be taken for the answer.
                    try await isAnswered.wait { $0 }
                    // Those who are connected are told once nobody else can connect.
                    while (try? await RawClient(place).get("/healthz")) != nil { try Task.checkCancellation() }
                    try await connection.resume()
                    return try await connection.waitForEnd()
                }
            }
            var result: RawConnection.Received?
            for try await received in group where received != nil { result = received }
            return try #require(result)
        }
        #expect(RawAnswer(received).body == Self.body(kind))
    }

    @Test("A client that ends its side while its last answer waits for it gets all of it", arguments: Kind.allCases)
    func halfClosed(kind: Kind) async throws {
        try await Self.serving { served async throws in
            let received = try await RawConnection.with(
                to: served.host,
                greeting: Self.request(kind, "Connection: close"),
                pauses: true
            ) { connection async throws in
                try await Self.waitForAnswer(of: served)
                connection.sendEnd()
                try await connection.resume()
                return try await connection.waitForEnd()
            }
            #expect(RawAnswer(received).body == Self.body(kind))
        }
    }

    @Test("A body that does not come ends the connection behind the answer, and not before its client has that")
    func lateBody() async throws {
        var limits = ConnectionLimits.patient
        limits.head = .seconds(1)
        try await Self.serving(limits: limits) { served async throws in
            let received = try await RawConnection.with(
                to: served.host,
                greeting: Self.request(.file, "Content-Length: 5"),
                pauses: true
            ) { connection async throws in
                try await Self.waitForAnswer(of: served)
                // Whoever comes later and sends as little has been told, so the first one's time is over too.
                let later = try await RawConnection.with(to: served.host, greeting: "GET / HT") { other async throws in
                    try await other.waitForEnd()
                }
                #expect(RawAnswer(later).status == 408)
                try await connection.resume()
                return try await connection.waitForEnd()
            }
            #expect(RawAnswer(received).body == Self.body(.file))
        }
    }

    @Test("Clients that are sent the same share the memory of it")
    func shared() {
        let bodies = SharedBodies()
        let place = { (body: ByteBuffer) in bodies.shared(body).withUnsafeReadableBytes { $0.baseAddress } }
        let texts = ["a", "b"].map { String(repeating: $0, count: 100_000) }
        let places = texts.map { place(ByteBuffer(string: $0)) }
        #expect(places[0] != places[1])
        for (text, first) in zip(texts, places) {
            let again = place(ByteBuffer(string: text))
            #expect(again == first)
            #expect(bodies.shared(ByteBuffer(string: text)) == ByteBuffer(string: text))
        }
    }

    @Test("An answer from memory is handed over as its client takes it")
    func pieces() async throws {
        try await Self.serving { served async throws in
            let greeting = Self.request(.memory, "Connection: close")
            try await RawConnection.with(to: served.host, greeting: greeting, pauses: true) { connection async throws in
                try await Self.waitForAnswer(of: served)
                #expect(!served.log.text.contains("answered"))
                try await connection.resume()
                #expect(RawAnswer(try await connection.waitForEnd()).body == Self.body(.memory))
                #expect(served.log.text.contains("answered"))
            }
        }
    }
}

/// A document that no socket takes at once.
private struct LargePage: FrontPage {
    let html = String(repeating: "<p>something for everybody</p>\n", count: 130_000)
    var policy: String { "default-src 'none'" }

    func run() async {}

    func document(
        for query: [(name: String, value: String)],
        from host: String?
    ) async throws -> (html: String, isMissing: Bool) {
        (html, false)
    }
}
