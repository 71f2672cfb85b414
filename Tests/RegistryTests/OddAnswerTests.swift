import NIOCore
import OCI
import Synchronization
import TestSupport
import Testing

@testable import Registry

/// Answers of registries in the field that are unusual, and that other clients cope with.
@Suite(.timeLimit(.minutes(10)))
struct OddAnswerTests {
    private let image = SampleImage.image()
    private static let source = ByteSource.random(seed: 31, count: 3 << 20)

    private static let hasRange: @Sendable (RecordedRequest) -> Bool = { $0.headers["range"] != nil }

    private static let rangeAnswers: [(String, Action)] =
        [
            ("another range", .header("Content-Range", "bytes 99-3145726/3145728")),
            ("no unit", .header("Content-Range", "1000-3145727/3145728")),
            ("no Content-Range", .header("Content-Range", nil)),
            ("the whole under 206", .all([.ignoreRange, .edit { $0.status = 206 }])),
            ("the rest under 200", .edit { $0.status = 200 }),
            ("one too far", .header("Content-Range", "bytes 1000-3145728/3145728")),
            ("another total", .header("Content-Range", "bytes 1000-3145727/9999999999")),
            ("two ranges", .edit { $0.headers.add("Content-Range", "bytes 1000-3145727/3145728") }),
        ] + [204, 302, 400, 403, 404, 405, 410, 416, 422, 500, 501].map { ("\($0)", .status($0)) }

    @Test(
        "A range that is answered oddly means no ranges: the blob comes from its beginning, once",
        arguments: rangeAnswers
    )
    func healsRanges(name: String, answer: Action) async throws {
        try await ScriptedRegistry.with { registry in
            let descriptor = Self.source.descriptor
            registry.store.putBlob(.bytes(Self.source), descriptor.digest, in: "library/app")
            registry.script(RequestMatch("GET", .blobs, times: nil, where: Self.hasRange), answer)
            let bytes = try await withClient(retry: RetryPolicy(attempts: 1)) {
                try await $0.pull(registry).bytes(of: descriptor, from: 1000)
            }
            #expect(bytes == Self.source.read(at: 1000, count: Self.source.count))
            #expect(registry.requests.map(Self.hasRange) == [true, false])
        }
    }

    private static let badDays: [(String, Action)] =
        [("reset", .reset(afterBytes: 0)), ("closed", .close(afterBytes: 0))]
        + [401, 408, 425, 499, 502, 503, 504, 520].map { ("\($0)", .status($0)) }

    @Test(
        "Where a range brings only failures the last try is without one, so that what was kept is never in the way",
        arguments: badDays,
        [1, 3]
    )
    func doubtsRanges(day: (name: String, answer: Action), attempts: Int) async throws {
        try await ScriptedRegistry.with { registry in
            let descriptor = Self.source.descriptor
            registry.store.putBlob(.bytes(Self.source), descriptor.digest, in: "library/app")
            registry.script(RequestMatch("GET", .blobs, times: nil, where: Self.hasRange), day.answer)
            let bytes = try await withClient(retry: RetryPolicy(attempts: attempts)) {
                try await $0.pull(registry).bytes(of: descriptor, from: 1000)
            }
            #expect(bytes == Self.source.read(at: 1000, count: Self.source.count))
            #expect(registry.requests.last.map(Self.hasRange) == false)
            #expect(registry.requests.count { !Self.hasRange($0) && $0.path.contains("/blobs/") } == 1)
        }
    }

    private static let crowded: HeaderList = ["Retry-After": "30"]

    @Test(
        "Who has had too many requests has not refused the range",
        arguments: [
            (.status(429, headers: crowded), 1),
            (.reply(.error(403, "DENIED", "rate limit exceeded", headers: crowded)), 1),
            (.error(400, "TOOMANYREQUESTS"), 3),
        ] as [(Action, Int)]
    )
    func keepsRanges(answer: Action, attempts: Int) async throws {
        try await ScriptedRegistry.with { registry in
            let descriptor = Self.source.descriptor
            registry.store.putBlob(.bytes(Self.source), descriptor.digest, in: "library/app")
            registry.script(RequestMatch("GET", .blobs, where: Self.hasRange), answer)
            let bytes = try await withClient(retry: RetryPolicy(attempts: attempts)) {
                try await $0.pull(registry).bytes(of: descriptor, from: 1000)
            }
            #expect(bytes == Self.source.read(at: 1000, count: Self.source.count))
            #expect(registry.requests.map(Self.hasRange) == [true, true])
        }
    }

    @Test("A range that is followed by more than it says comes from the beginning, once")
    func refusesLongParts() async throws {
        try await ScriptedRegistry.with { registry in
            let descriptor = Self.source.descriptor
            registry.store.putBlob(.bytes(Self.source), descriptor.digest, in: "library/app")
            registry.script(
                RequestMatch("GET", .blobs, times: nil, where: Self.hasRange),
                .edit { reply in
                    reply.headers = ["Content-Range": "bytes 1000-3145727/3145728", "Transfer-Encoding": "chunked"]
                    reply.body = ByteSource.random(seed: 3, count: 6 << 20)
                }
            )
            // What came is wrong; whoever hashes it begins anew.
            let bytes = try await withClient(retry: RetryPolicy(attempts: 1)) {
                try await $0.pull(registry).bytes(of: descriptor, from: 1000)
            }
            #expect(bytes.readableBytes == Self.source.count - 1000)
            #expect(registry.requests.map(Self.hasRange) == [true, false])
        }
    }

    @Test("A status that is all that is known is told once", arguments: [302, 403, 404, 418, 451])
    func tellsStatusOnce(status: Int) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", .blobs, times: nil), .status(status))
            var text = ""
            do {
                _ = try await withClient(retry: RetryPolicy(attempts: 1)) {
                    try await $0.pull(registry).bytes(of: Self.source.descriptor)
                }
            } catch { text = "\(error)" }
            // A port may have the same digits.
            let rest = text.replacing("\(registry.host.port ?? 0)", with: "")
            #expect(rest.ranges(of: "\(status)").count == 1, "\(text)")
        }
    }

    @Test(
        "A part that is shorter than asked for is taken, and the next one asked for",
        arguments: ["3145728", "*"]
    )
    func takesParts(total: String) async throws {
        try await ScriptedRegistry.with { registry in
            let descriptor = Self.source.descriptor
            registry.store.putBlob(.bytes(Self.source), descriptor.digest, in: "library/app")
            let part = Reply(
                206,
                headers: ["Content-Range": "bytes 1000-1999/\(total)"],
                body: ByteSource(Self.source.read(at: 1000, count: 1000))
            )
            registry.script(RequestMatch("GET", .blobs), .reply(part))
            let bytes = try await withClient { try await $0.pull(registry).bytes(of: descriptor, from: 1000) }
            #expect(bytes == Self.source.read(at: 1000, count: Self.source.count))
            #expect(registry.requests.map { $0.headers["range"] } == ["bytes=1000-", "bytes=2000-"])
        }
    }

    @Test(
        "A blob of the right length is taken whatever coding it is labelled with",
        arguments: ["x-gzip", "gzip", "", "none", "aws-chunked"]
    )
    func takesLabels(coding: String) async throws {
        try await ScriptedRegistry.with { registry in
            registry.store.putBlob(.bytes(Self.source), Self.source.descriptor.digest, in: "library/app")
            registry.script(RequestMatch("GET", .blobs), .header("Content-Encoding", coding))
            let bytes = try await withClient(retry: RetryPolicy(attempts: 1)) {
                try await $0.pull(registry).bytes(of: Self.source.descriptor)
            }
            #expect(bytes == Self.source.buffer)
        }
    }

    @Test("A whole blob that is called a part is taken")
    func takesCalledParts() async throws {
        try await ScriptedRegistry.with { registry in
            registry.store.putBlob(.bytes(Self.source), Self.source.descriptor.digest, in: "library/app")
            registry.script(RequestMatch("GET", .blobs), .edit { $0.status = 206 })
            let bytes = try await withClient { try await $0.pull(registry).bytes(of: Self.source.descriptor) }
            #expect(bytes == Self.source.buffer)
            #expect(registry.requests.count == 1)
        }
    }

    @Test("Parts that bring next to nothing are taken for a while only")
    func endsScraps() async throws {
        try await ScriptedRegistry.with { registry in
            let descriptor = Self.source.descriptor
            registry.store.putBlob(.bytes(Self.source), descriptor.digest, in: "library/app")
            registry.script(
                RequestMatch("GET", .blobs, times: nil, where: Self.hasRange),
                .flip { request in
                    let start = request.headers["range"].flatMap { Int($0.dropFirst(6).dropLast()) } ?? 0
                    let range = "bytes \(start)-\(start)/\(Self.source.count)"
                    let byte = ByteSource(Self.source.read(at: start, count: 1))
                    return .reply(Reply(206, headers: ["Content-Range": range], body: byte))
                }
            )
            let bytes = try await withClient { try await $0.pull(registry).bytes(of: descriptor, from: 1000) }
            #expect(bytes == Self.source.read(at: 1000, count: Self.source.count))
            #expect(registry.requests.count == 101)
        }
    }

    @Test(
        "A source's HEAD that is refused, or says that nothing is there, is asked again by GET",
        arguments: [
            204, 400, 403, 404, 405, 406, 409, 410, 411, 412, 415, 418, 422, 451, 499, 500, 501, 502, 503, 505, 520,
        ]
    )
    func asksByGet(status: Int) async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch("HEAD", .manifests, times: nil), .status(status))
            let found = try await withClient { try await $0.pull(registry).resolve(.tag("v1")) }
            #expect(found == image.top)
        }
    }

    @Test(
        "A manifest that is none once is asked for again",
        arguments: [.status(200), .status(204), .html, .reply(.json(200, #"{"schemaVersion":2,"la"#))] as [Action]
    )
    func asksAgain(answer: Action) async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "v1")
            registry.script(RequestMatch("GET", .manifests), answer)
            let manifest = try await withClient { try await $0.pull(registry).manifest(.tag("v1")) }
            #expect(manifest?.descriptor == image.top)
        }
    }

    @Test(
        "A target that refuses to tell is unknown, and no failure",
        arguments: [
            204, 301, 400, 401, 403, 405, 406, 408, 409, 410, 411, 412, 415, 418, 422, 425, 451, 499, 500, 501, 502,
            505,
        ]
    )
    func asksTargets(status: Int) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch(nil, .any, times: nil), .status(status))
            try await withClient { client in
                let target = client.push(registry)
                for answer in [
                    try await target.asking { _ = try await $0.tags() },
                    try await target.asking { _ = try await $0.resolve(.tag("v1")) },
                ] {
                    guard case .unknown(let error) = answer else { throw SampleReader.Broken() }
                    #expect((error as? RegistryError)?.status == status)
                }
            }
        }
    }

    @Test(
        "Without the referrers interface, however that is said, the fallback is used",
        arguments: [204, 304, 400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 412, 415, 418, 421, 422, 426, 451, 501]
    )
    func fallsBack(status: Int) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch("GET", "/referrers/", times: nil), .status(status))
            let answer = try await withClient { try await $0.pull(registry).referrers(of: image.digest) }
            switch answer {
            case .known(let listed): #expect(listed == nil && [204, 400, 404, 405, 501].contains(status))
            case .unknown: #expect(![204, 400, 404, 405, 501].contains(status))
            }
        }
    }

    @Test("A registry that knows no such manifest, or repository, has not said that it keeps no lists of referrers")
    func knowsTheQuestion() async throws {
        for code in ["MANIFEST_UNKNOWN", "NAME_UNKNOWN"] {
            try await ScriptedRegistry.with { registry in
                registry.script(RequestMatch("GET", "/referrers/", times: nil), .error(404, code))
                let answer = try await withClient { try await $0.pull(registry).referrers(of: image.digest) }
                guard case .unknown = answer else { throw SampleReader.Broken() }
            }
        }
    }

    @Test(
        "Heads are read as they were meant",
        arguments: [
            ("HTTP/1.1 200 OK\r\nA: b \t\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length:5\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length:5 \r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
            (
                "HTTP/1.1 200 OK\r\nServer:x\r\nContent-Length: 5 \r\n\r\n",
                "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\n"
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5 ,5, 5\r\nContent-Length: 5\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: Identity\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", nil),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", nil),
            (
                "HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: chunked\r\nCONTENT-LENGTH: 5\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: chunked\r\n\r\n"
            ),
            ("HTTP/1.1 200 OK\nA:\tb\n\n", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"),
            ("HTTP/1.1 200 OK\r\n\r\n", nil),
        ] as [(String, String?)]
    )
    func repairsHeads(head: String, expected: String?) {
        let bytes = Array(head.utf8)
        #expect(HeadRepair.repaired(bytes).map { String(decoding: $0, as: UTF8.self) } == expected)
        #expect(expected == nil || bytes.withUnsafeBytes(HeadGlance.init)?.isSound == false)
    }

    @Test(
        "A usual head is known at a glance",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: a/b; c=d, e\r\nDate: x\r\n\r\n", true, false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, false),
            ("HTTP/1.1 204 No Content\n\n", false, false), ("HTTP/1.1 100 Continue\r\n\r\n", true, true),
            ("HTTP/1.1 103 Early Hints\r\nLink:</a>\r\n\r\n", false, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", false, false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5,5\r\n\r\n", false, false),
            ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", false, false),
        ]
    )
    func glances(head: String, isSound: Bool, isInterim: Bool) {
        let glance = Array(head.utf8).withUnsafeBytes(HeadGlance.init)
        #expect(glance?.isSound == isSound)
        #expect(glance?.isInterim == isInterim)
        #expect(glance?.length == head.utf8.count)
        for count in 0..<head.utf8.count {
            #expect(Array(head.utf8.prefix(count)).withUnsafeBytes(HeadGlance.init) == nil)
        }
    }

    @Test(
        "One byte that no URL may hold is encoded alone",
        arguments: [
            ("http://a/b?x=a b%2F|\"{é}", "http://a/b?x=a%20b%2F%7C%22%7B%C3%A9%7D"),
            ("http://a/b?x=%zz%2f+", "http://a/b?x=%25zz%2f+"),
        ]
    )
    func keepsBytes(text: String, expected: String) { #expect(HTTPURL(text)?.text == expected) }
}
