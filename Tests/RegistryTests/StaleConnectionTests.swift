import Glibc
import NIOCore
import NIOEmbedded
import NIOHTTP1
import OCI
import Synchronization
import TestSupport
import Testing

@testable import Registry

/// Connections that were kept, and that the registry has closed or somebody between forgotten.
@Suite(.timeLimit(.minutes(10)))
struct StaleConnectionTests {
    private static let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    /// How a connection came to its end.
    private struct End: Sendable, CustomTestStringConvertible {
        var name: String
        var hasAnswered = true
        var rest = TimeAmount.seconds(2)
        /// How long the request had been under way.
        var wait = TimeAmount.zero
        var begun = ""
        var isReset = false
        let isStale: Bool

        var testDescription: String { name }
    }

    private static let ends = [
        End(name: "closed after a rest", isStale: true),
        End(name: "reset after a rest", isReset: true, isStale: true),
        End(name: "closed at once", rest: .zero, isStale: true),
        End(name: "closed by who had taken the request", wait: .seconds(3), isStale: false),
        End(name: "closed before any answer", hasAnswered: false, isStale: false),
        End(name: "closed within the answer", begun: "HTTP/1.1 2", isStale: false),
    ]

    @Test("A kept connection that ends is told from one that breaks", arguments: ends)
    private func tells(end: End) throws {
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandlers([
            HTTPRequestEncoder(), ByteToMessageHandler(HTTPResponseDecoder()),
        ])
        try HeadRepair.install(in: channel)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")
        try channel.writeOutbound(HTTPClientRequestPart.head(head))
        try channel.writeOutbound(HTTPClientRequestPart.end(nil))
        if end.hasAnswered {
            try channel.writeInbound(ByteBuffer(string: Self.answer))
            channel.embeddedEventLoop.advanceTime(by: end.rest)
            try channel.writeOutbound(HTTPClientRequestPart.head(head))
            try channel.writeOutbound(HTTPClientRequestPart.end(nil))
        } else {
            channel.embeddedEventLoop.advanceTime(by: end.rest)
        }
        channel.embeddedEventLoop.advanceTime(by: end.wait)
        if !end.begun.isEmpty { try channel.writeInbound(ByteBuffer(string: end.begun)) }
        if end.isReset {
            channel.pipeline.fireErrorCaught(IOError(errnoCode: ECONNRESET, reason: "read"))
        }
        channel.pipeline.fireChannelInactive()
        var isStale = false
        do { try channel.throwIfErrorCaught() } catch is StaleConnection { isStale = true } catch {}
        #expect(isStale == end.isStale)
    }

    @Test("Each kept connection that proves stale is followed by another at once, and by no more than are kept")
    func goesOn() async throws {
        for (count, isFound) in [(48, true), (200, false)] {
            let clock = TestClock()
            let calls = Mutex(0)
            let retry = Retry(Self.configuration(clock))
            let context = retry.context(.listTags, RepositoryReference(host: "registry.example.com", repository: "app"))
            let result: Int? = try? await retry.run(context) {
                let call = calls.withLock { calls in
                    calls += 1
                    return calls
                }
                guard call <= count else { return call }
                return try await context.mapping {
                    throw try #require(WireFailure(StaleConnection()))
                }
            }
            #expect((result != nil) == isFound)
            #expect(clock.sleeps.isEmpty == isFound)
            #expect(calls.withLock { $0 } < 60)
        }
    }

    @Test("A host that is not known is looked for twice")
    func unknownHost() async throws {
        let clock = TestClock()
        let retry = Retry(Self.configuration(clock))
        let context = retry.context(.listTags, RepositoryReference(host: "registry.example.com", repository: "app"))
        await #expect(throws: RegistryError.self) {
            try await retry.run(context) { () async throws -> Void in
                throw context.error(.connection(.unknownHost), "")
            }
        }
        #expect(clock.sleeps.count == 1)
    }

    @Test("Where each connection ends with its first answer, without a word, nothing is tried again for that")
    func worksWithoutKept() async throws {
        let image = SampleImage.image()
        let reader = SampleReader(.random(seed: 5, count: 2 << 20))
        let clock = TestClock()
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            let used = Mutex<Set<Int>>([])
            registry.script(
                RequestMatch(times: nil),
                .flip { request in
                    used.withLock { $0.insert(request.connection).inserted } ? nil : .closeBeforeHead
                }
            )
            try await withClient(retry: RetryPolicy(attempts: 1), clock: clock) { client async throws in
                let target = client.push(registry)
                for _ in 0..<3 {
                    #expect(try await client.pull(registry).tags() == ["v1"])
                    let manifest = try #require(try await client.pull(registry).manifest(.tag("v1")))
                    try await target.store(manifest, as: "v1")
                }
                _ = try await target.store(reader)
                #expect(try await client.pull(registry).bytes(of: reader.descriptor) == reader.source.buffer)
            }
        }
        #expect(clock.sleeps.isEmpty)
    }

    @Test("A registry that ends every connection without an answer is given up, kept ones or not")
    func endsInTime() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(.image(), repository: "library/app", tag: "v1")
            registry.script(RequestMatch(times: nil, after: 1), .closeBeforeHead)
            try await withClient { client async throws in
                let repository = client.pull(registry)
                #expect(try await repository.tags() == ["v1"])
                await #expect { _ = try await repository.tags() } throws: { "\($0)".contains("after 3 tries") }
            }
            #expect(registry.requests.count <= 6)
        }
    }

    private static func configuration(_ clock: TestClock) -> RegistryConfiguration {
        var configuration = RegistryConfiguration(logger: LogRecorder().logger)
        configuration.clock = clock
        return configuration
    }
}
