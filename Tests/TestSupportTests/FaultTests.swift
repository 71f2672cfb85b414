import NIOCore
import OCI
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10)))
struct FaultTests {
    private static let size = 500_000
    private let blob = ByteSource.random(seed: 9, count: Self.size)

    /// What a raw client sees of one blob under one action.
    private func answer(to action: Action, _ headers: HeaderList = [:]) async throws -> RawAnswer {
        try await ScriptedRegistry.with { registry async throws in
            let digest = registry.store.putBlob(blob.buffer, in: "a").digest
            registry.script(.init("GET", .blobs), action)
            let client = RawClient(registry.host)
            let answer = try await client.get("/v2/a/blobs/\(digest)", headers)
            // Every fault is used up by one request.
            #expect(try await client.get("/v2/a/blobs/\(digest)").body == blob.buffer)
            return answer
        }
    }

    @Test("A reset before the head shows no head and an error")
    func resetBeforeHead() async throws {
        let seen = try await answer(to: .resetBeforeHead)
        #expect(seen.status == 0)
        #expect(seen.error != nil)
    }

    @Test("A close before the head shows no head and no error")
    func closeBeforeHead() async throws {
        let seen = try await answer(to: .closeBeforeHead)
        #expect(seen.status == 0)
        #expect(seen.error == nil)
    }

    @Test("A reset in the body shows an error and no more than the bytes before it")
    func resetInBody() async throws {
        let seen = try await answer(to: .reset(afterBytes: 1000))
        #expect(seen.error != nil)
        #expect(seen.body.readableBytes <= 1000)
    }

    @Test("A short body ends in the ordinary way after the bytes that were asked for")
    func shortBody() async throws {
        let seen = try await answer(to: .close(afterBytes: 200_001))
        #expect(seen.error == nil)
        #expect(seen.headers["content-length"] == "\(Self.size)")
        #expect(seen.body == blob.read(at: 0, count: 200_001))
    }

    @Test("A corrupt byte is the only one that differs", arguments: [0, 131_072, 499_999])
    func corruptByte(place: Int) async throws {
        let seen = try await answer(to: .corruptByte(at: place))
        let right = blob.buffer
        let differing = (0..<Self.size).filter {
            seen.body.getInteger(at: $0, as: UInt8.self) != right.getInteger(at: $0, as: UInt8.self)
        }
        #expect(differing == [place])
    }

    @Test("A wrong length is announced beside the real body")
    func wrongLength() async throws {
        let seen = try await answer(to: .contentLength(7))
        #expect(seen.headers.all("content-length") == ["7"])
        #expect(seen.body == blob.buffer)
    }

    @Test("Extra bytes follow the announced ones")
    func extraBytes() async throws {
        let seen = try await answer(to: .extraBytes(3))
        #expect(seen.headers["content-length"] == "\(Self.size)")
        #expect(seen.body.readableBytes == Self.size + 3)
    }

    @Test("Headers of an answer are set and removed")
    func headers() async throws {
        let seen = try await answer(
            to: .all([
                .header("Docker-Content-Digest", nil), .header("Content-Encoding", "gzip"),
                .header("Content-Type", "text/html"),
            ])
        )
        #expect(seen.headers["docker-content-digest"] == nil)
        #expect(seen.headers["content-encoding"] == "gzip")
        #expect(seen.headers.all("content-type") == ["text/html"])
        #expect(seen.body == blob.buffer)
    }

    @Test("A range is ignored, or answered with another one")
    func ranges() async throws {
        #expect(try await answer(to: .ignoreRange, ["Range": "bytes=5-"]).status == 200)
        let seen = try await answer(to: .header("Content-Range", "bytes 0-1/2"), ["Range": "bytes=5-"])
        #expect(seen.status == 206)
        #expect(seen.headers["content-range"] == "bytes 0-1/2")
    }

    @Test("A status is answered with its headers", arguments: [401, 403, 404, 405, 408, 416, 425, 429, 500, 503])
    func statuses(status: Int) async throws {
        let seen = try await answer(to: .error(status, "TOOMANYREQUESTS", headers: ["Retry-After": "3"]))
        #expect(seen.status == status)
        #expect(seen.headers["retry-after"] == "3")
        #expect(seen.text.contains("TOOMANYREQUESTS"))
    }

    @Test("Redirects and HTML pages are answered")
    func redirects() async throws {
        let seen = try await answer(to: .redirect(308, to: "http://127.0.0.1:1/x"))
        #expect(seen.status == 308)
        #expect(seen.headers["location"] == "http://127.0.0.1:1/x")
        let page = try await answer(to: .html)
        #expect(page.status == 200)
        #expect(page.headers["content-type"]?.hasPrefix("text/html") == true)
    }
}
