import NIOCore
import NIOHTTP1
import OCI
import Synchronization
import TestSupport
import Testing

@testable import Registry

/// Lists of registries in the field that are unusual, and that other clients cope with.
@Suite(.timeLimit(.minutes(10)))
struct OddListTests {
    private let image = SampleImage.image()

    private static let links = [
        "</artifactory-less/tags/list?last=b&n=2>; rel=\"next\"",
        "<https://example.com/v2/library/app/tags/list?last=b&n=2>; rel=next",
        "<http://127.0.0.1/v2/library/app/tags/list?last=b&n=2>; rel=next",
        "/v2/library/app/tags/list?last=b&n=2; rel=\"next\"",
        "</v2/library/app/tags/list?n=1000>; rel=\"next\"",
        "</v2/library/app/tags/list?last=b>; rel='next'", "</v2/library/app/tags/list?last=b>", "<>; rel=next",
        "<http://h:5000:5000/v2/library/app/tags/list?last=b>; rel=next", "<null://null/v2/x?last=b>; rel=\"next\"",
        "<registry:5000/v2/library/app/tags/list?last=b>; rel=next", "<http://u:p@h/x?last=b>; rel=next",
        "</v2/library/app/tags/list?x=a b|\"é\"&last=b>; rel=\"next\"",
        "</v2/library/app/tags/list?pad=\(String(repeating: "x", count: 15_000))&last=b>; rel=\"next\"",
    ]

    @Test(
        "A list of tags that does not come in time is a refusal to tell, and no other question is",
        arguments: [
            (RegistryError.Action.listTags, true), (.resolve, false), (.readManifest, false), (.checkBlob, false),
        ]
    )
    func isSlow(action: RegistryError.Action, isRefusal: Bool) throws {
        let error = RegistryError(
            kind: .timeout,
            action: action,
            location: try RepositoryReference("registry.test/app"),
            detail: "no answer"
        )
        #expect(error.isRefusalToTell == isRefusal)
    }

    @Test("A question that leads to where nobody is tells nothing; a registry that is gone itself is none")
    func leadsToNobody() async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch(nil, .tags, times: nil), .redirect(302, to: "http://127.0.0.1:1/login"))
            let answer = try await withClient { client in
                try await client.push(registry).asking { try await $0.tags() }
            }
            guard case .unknown = answer else {
                Issue.record("\(answer)")
                return
            }
        }
        await #expect(throws: RegistryError.self) {
            _ = try await withClient { client in
                let location = try RepositoryReference("127.0.0.1:1/library/app")
                return try await client.repository(location, for: .push).asking { try await $0.tags() }
            }
        }
    }

    @Test("A token service that is gone is no answer to the question for which it was asked")
    func losesTokenServices() async throws {
        let authentication = Authentication.bearer(TokenIssuer(), realm: "http://127.0.0.1:1/token")
        try await ScriptedRegistry.with(authentication: authentication) { registry in
            try await withClient { client in
                let repository = client.push(registry)
                await #expect(throws: RegistryError.self) { _ = try await repository.asking { try await $0.tags() } }
                await #expect(throws: RegistryError.self) { _ = try await repository.listedReferrers(of: image.digest) }
            }
        }
    }

    @Test("Pages are followed at the list's own place, or all tags are asked for at once", arguments: links)
    func followsLinks(link: String) async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "a")
            for tag in ["b", "c", "d"] as [TagName] { registry.store.tag(tag, image.digest, in: "library/app") }
            registry.script(
                RequestMatch("GET", .tags),
                .reply(.json(200, #"{"tags":["a","b"]}"#, headers: ["Link": link]))
            )
            let tags = try await withClient { try await $0.pull(registry).tags() }
            #expect(tags == ["a", "b", "c", "d"])
        }
    }

    @Test("A list whose next page is always another one with the same tags is asked for whole at once")
    func endsRepetitions() async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "a")
            registry.store.tag("b", image.digest, in: "library/app")
            registry.script(
                RequestMatch("GET", .tags, times: nil),
                .flip { request in
                    guard let query = request.query["page"] ?? request.query["n"] else { return nil }
                    let next = "</v2/library/app/tags/list?page=\(query)1>; rel=next"
                    return .reply(.json(200, #"{"tags":["a"]}"#, headers: ["Link": next]))
                }
            )
            let tags = try await withClient { try await $0.pull(registry).tags() }
            #expect(tags == ["a", "b"])
            #expect(registry.requests.count == 3)
        }
    }

    @Test("Referrers whose pages are empty and never end fail the list")
    func endsEmptyPages() async throws {
        let pages = Atomic(0)
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("GET", "/referrers/", times: nil),
                .flip { _ in
                    let next = "</x?page=\(pages.add(1, ordering: .relaxed).newValue)>; rel=next"
                    let headers: HeaderList = ["Content-Type": MediaType.ociIndex.description, "Link": next]
                    return .reply(.json(200, #"{"schemaVersion":2,"manifests":[]}"#, headers: headers))
                }
            )
            await #expect(throws: RegistryError.self) {
                _ = try await withClient { try await $0.pull(registry).listedReferrers(of: image.digest) }
            }
        }
    }

    @Test("Pages of more bytes than are read are refused, though what was read of them is a list")
    func cutPages() throws {
        let retry = Retry(RegistryConfiguration(logger: LogRecorder().logger))
        let context = retry.context(.listTags, RepositoryReference(host: "registry.example.com", repository: "app"))
        let page = { (isCut: Bool) throws -> HTTPResponse in
            let text = ByteBuffer(string: #"{"tags":["a"],"results":[{"name":"a"}]}"#)
            let url = try HTTPURL("https://registry.example.com/v2/app/tags/list", as: "url", of: context.location.host)
            return HTTPResponse(status: 200, headers: [:], body: .whole(text, isCut: isCut), url: url)
        }
        for isCut in [false, true] {
            var pages = TagPages(context)
            let takings: [(HTTPResponse) throws -> Void] = [
                { try pages.take($0) }, { _ = try HubPage($0, context) },
            ]
            for take in takings {
                var error: RegistryError?
                do { try take(page(isCut)) } catch let failure as RegistryError { error = failure }
                #expect(error?.kind == (isCut ? .tooLarge : nil))
            }
        }
    }

    @Test("Referrers of which there are more on each page than anybody needs fail the list")
    func endsManyReferrers() async throws {
        let pages = Atomic(0)
        let digest = image.digest
        let entry = #"{"mediaType":"\#(MediaType.ociManifest)","digest":"\#(digest)","size":9}"#
        let full = JSONText.array(Array(repeating: entry, count: 5000))
        try await ScriptedRegistry.with { registry in
            registry.script(
                RequestMatch("GET", "/referrers/", times: nil),
                .flip { _ in
                    let page = pages.add(1, ordering: .relaxed).newValue
                    var headers: HeaderList = ["Content-Type": MediaType.ociIndex.description]
                    // It has an end, for who would follow it to there.
                    if page < 3 { headers["Link"] = "</x?page=\(page)>; rel=next" }
                    let list = #"{"schemaVersion":2,"manifests":\#(page < 3 ? full : "[]")}"#
                    return .reply(.json(200, list, headers: headers))
                }
            )
            await #expect(throws: RegistryError.self) {
                _ = try await withClient { try await $0.pull(registry).listedReferrers(of: digest) }
            }
            #expect(registry.requests.count == 2)
        }
    }

    @Test("What is no list of referrers is asked for once more, and where it stays so only once from then on")
    func doubtsOtherAnswers() async throws {
        try await ScriptedRegistry.with { registry in
            registry.options.referrersAPI = true
            registry.load(image, repository: "library/app", tag: "v1")
            try await withClient { client async throws in
                let source = client.pull(registry)
                registry.script(RequestMatch("GET", "/referrers/"), .html)
                #expect(try await source.listedReferrers(of: image.digest) == [])
                #expect(registry.requests.count == 2)
                registry.script(RequestMatch("GET", "/referrers/", times: nil), .html)
                for count in [4, 5, 6] {
                    guard case .unknown(let error as RegistryError) = try await source.referrers(of: image.digest)
                    else {
                        return #expect(Bool(false), "a page is taken for a list")
                    }
                    #expect(error.isWebPage && error.isNoList)
                    #expect(registry.requests.count == count)
                }
            }
        }
    }

    @Test(
        "An object that is about something else is no list of tags, not even an empty one",
        arguments: [#"{"a":[1]}"#, #"{"status":"ok"}"#, #"{"errors":[]}"#, "[]"]
    )
    func refusesOthers(body: String) async throws {
        try await ScriptedRegistry.with { registry in
            registry.script(RequestMatch(nil, .tags, times: nil), .reply(.json(200, body)))
            try await withClient { client in
                await #expect(throws: RegistryError.self) { _ = try await client.pull(registry).tags() }
            }
        }
    }

    @Test(
        "A page size that is refused is left out, and a list without tags is empty",
        arguments: [
            (Action.error(400, "PAGINATION_NUMBER_INVALID"), ["a"]), (.error(405, "UNSUPPORTED"), ["a"]),
            (.status(406), ["a"]), (.status(422), ["a"]), (.reply(.json(200, #"{"name":"x"}"#)), []),
            (.reply(.json(200, "{}")), []), (.reply(.json(200, "null")), []), (.status(414), ["a"]),
            (.status(501), ["a"]),
            // What is no list at all may be a bad moment's.
            (.html, ["a"]), (.status(200), ["a"]), (.reply(.json(200, #"{"name":"x","ta"#)), ["a"]),
        ] as [(Action, [TagName])]
    )
    func readsLists(answer: Action, expected: [TagName]) async throws {
        try await ScriptedRegistry.with { registry in
            registry.load(image, repository: "library/app", tag: "a")
            registry.script(RequestMatch("GET", .tags), answer)
            let tags = try await withClient { try await $0.pull(registry).tags() }
            #expect(tags == expected)
        }
    }

    @Test("A next page behind an empty one that was read already is none, where the whole list has no more")
    func endsAtEmptyPages() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "library/app", tag: "a")
            let next: HeaderList = ["Link": "</v2/library/app/tags/list?last=a>; rel=\"next\""]
            registry.script(
                RequestMatch("GET", .tags, times: nil),
                .flip { request in
                    let list = request.query["last"] == nil ? #"{"tags":["a"]}"# : #"{"tags":[]}"#
                    return .reply(.json(200, list, headers: next))
                }
            )
            #expect(try await withClient { try await $0.pull(registry).tags() } == ["a"])
            #expect(registry.requests.count == 3)
        }
    }

    @Test(
        "Where empty pages lead nowhere the whole list is asked for",
        arguments: [#"{"tags":[]}"#, #"{"tags":null,"name":"library/app"}"#]
    )
    func asksWhole(empty: String) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "library/app", tag: "a")
            registry.store.tag("b", image.digest, in: "library/app")
            let next: HeaderList = ["Link": "</v2/library/app/tags/list?n=1000>; rel=\"next\""]
            let isSized = { @Sendable (request: RecordedRequest) in request.query["n"] != nil }
            registry.script(
                RequestMatch("GET", .tags, times: nil, where: isSized),
                .reply(.json(200, empty, headers: next))
            )
            #expect(try await withClient { try await $0.pull(registry).tags() } == ["a", "b"])
        }
    }

    @Test("A target whose next page of tags is not there has refused to tell; of a source the list fails")
    func lacksPages() async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.options.pageSize = 1
            registry.load(image, repository: "library/app", tag: "a")
            registry.store.tag("b", image.digest, in: "library/app")
            let isNext = { @Sendable (request: RecordedRequest) in request.query["last"] != nil }
            registry.script(RequestMatch("GET", .tags, times: nil, where: isNext), .error(404, "NOT_FOUND"))
            try await withClient { client async throws in
                guard case .unknown = try await client.push(registry).asking({ try await $0.tags() }) else {
                    Issue.record("it was told")
                    return
                }
                await #expect(throws: RegistryError.self) { _ = try await client.pull(registry).tags() }
            }
        }
    }
}
