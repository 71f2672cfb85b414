import Concurrency
import NIOCore
import NIOHTTP1
import OCI
import TestSupport
import Testing

@testable import Registry

/// How a registry on this machine is asked for which nothing is configured, while it is started anew with TLS, or without.
@Suite(.timeLimit(.minutes(2)))
struct ReachTests {
    /// What stands at an address.
    private enum Presence {
        case plain
        case secure
        /// In plain HTTP, with a registry's error.
        case refusing
        case nothing
    }

    /// A registry that speaks one scheme at a time.
    private final class Speaker: HTTPHandler {
        let state = Watched((presence: Presence.plain, schemes: [Origin.Scheme]()))

        func send(_ request: HTTPRequest) async throws -> HTTPResponse {
            guard case .url(let url) = request.target else { throw CancellationError() }
            let scheme = url.origin.scheme
            state.update { $0.schemes.append(scheme) }
            switch (state.value.presence, scheme) {
            case (.plain, .http), (.secure, .https): return Self.answer(200, "", at: url)
            case (.secure, .http): return Self.answer(400, "Client sent an HTTP request to an HTTPS server.", at: url)
            case (.refusing, .http): return Self.answer(400, #"{"errors": []}"#, at: url)
            case (.plain, .https), (.refusing, .https): throw request.context.error(.connection(.tls), "no handshake")
            case (.nothing, _):
                var error = request.context.error(.connection(.reset), "closed")
                error.isBeforeAnswer = true
                throw error
            }
        }

        static func answer(_ status: Int, _ text: String, at url: HTTPURL) -> HTTPResponse {
            HTTPResponse(
                status: status,
                headers: [:],
                body: .whole(ByteBuffer(string: text), isCut: false),
                url: url
            )
        }
    }

    private struct Fixture {
        let reach: Reach
        let speaker: Speaker
        let clock: TestClock
        let context: CallContext

        /// - Returns: by which schemes it was asked; fails where no answer of use came.
        func ask() async throws -> [Origin.Scheme] {
            speaker.state.update { $0.schemes = [] }
            let answer = try await reach.send(HTTPRequest(context: context, method: .GET, target: .path("")))
            guard answer.status == 200 else { throw context.error(.rejected, "\(answer.status)") }
            return speaker.state.value.schemes
        }
    }

    private func fixture(_ settings: HostSettings = HostSettings()) throws -> Fixture {
        let (clock, speaker) = (TestClock(), Speaker())
        let location = try RepositoryReference("127.0.0.1:5000/app")
        return Fixture(
            reach: Reach(try Endpoint(host: location.host, settings: settings), next: speaker, timer: Timer(clock)),
            speaker: speaker,
            clock: clock,
            context: Retry(RegistryConfiguration(logger: LogRecorder().logger)).context(.resolve, location)
        )
    }

    @Test("A registry that is started anew is asked as it speaks then, in both directions and again and again")
    func changes() async throws {
        let fixture = try fixture()
        #expect(try await fixture.ask() == [.http])
        for (presence, schemes) in [
            (Presence.secure, [Origin.Scheme.http, .https]), (.plain, [.http]), (.secure, [.http, .https]),
        ] {
            fixture.speaker.state.update { $0.presence = presence }
            fixture.clock.advance(by: .seconds(11))
            #expect(try await fixture.ask() == schemes)
            #expect(try await fixture.ask() == Array(schemes.suffix(1)))
        }
    }

    @Test("What was found out holds for ten seconds after an answer, and no other scheme is tried meanwhile")
    func holds() async throws {
        for presence in [Presence.plain, .secure] {
            let fixture = try fixture()
            fixture.speaker.state.update { $0.presence = presence }
            _ = try await fixture.ask()
            let found: [Origin.Scheme] = presence == .plain ? [.http] : [.https]
            for _ in 0..<3 {
                fixture.clock.advance(by: .seconds(9))
                #expect(try await fixture.ask() == found)
            }
            for other in [Presence.nothing, presence == .plain ? .secure : .plain] {
                fixture.speaker.state.update { $0.presence = other }
                await #expect(throws: RegistryError.self) { _ = try await fixture.ask() }
                #expect(fixture.speaker.state.value.schemes == found)
            }
        }
    }

    @Test("A refusal in a registry's own words asks for no TLS")
    func refuses() async throws {
        let fixture = try fixture()
        fixture.speaker.state.update { $0.presence = .refusing }
        await #expect(throws: RegistryError.self) { _ = try await fixture.ask() }
        #expect(fixture.speaker.state.value.schemes == [.http])
    }

    @Test("A scheme that is configured is never doubted", arguments: [true, false])
    func configured(plainHTTP: Bool) async throws {
        let endpoint = plainHTTP ? nil : "https://127.0.0.1:5000"
        let fixture = try fixture(HostSettings(endpoint: endpoint, plainHTTP: plainHTTP))
        fixture.speaker.state.update { $0.presence = plainHTTP ? .secure : .plain }
        for _ in 0..<2 {
            await #expect(throws: RegistryError.self) { _ = try await fixture.ask() }
            fixture.clock.advance(by: .seconds(11))
        }
        #expect(fixture.speaker.state.value.schemes == [plainHTTP ? .http : .https])
    }
}
