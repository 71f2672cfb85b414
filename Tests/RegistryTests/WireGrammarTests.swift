import FoundationEssentials
import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

@testable import Registry

@Suite(.timeLimit(.minutes(10)))
struct WireGrammarTests {
    @Test(
        "A URL without user info and with a plain host is taken, anything else is not",
        arguments: [
            ("https://Registry.example.com/v2/?a=%2F#x", "https://registry.example.com/v2/?a=%2F"),
            ("http://h:80", "http://h/"), ("https://h:443/x", "https://h/x"),
            ("https://[::1]:5000/", "https://[::1]:5000/"),
            ("https://u:p@h/", nil), ("ftp://h/", nil), ("https:///x", nil), ("https://h:0/", nil),
            ("https://h:99999/", nil),
            ("https://h\\@evil/", nil), ("https://h/a\\..\\b", nil), ("https://h/a?b=\\c", "https://h/a?b=%5Cc"),
            ("https://h/a b", "https://h/a%20b"), ("/v2/", nil), ("https://h%41/", nil),
            ("", nil),
        ] as [(String, String?)]
    )
    func parsesAddresses(text: String, expected: String?) {
        #expect(HTTPURL(text)?.text == expected)
    }

    @Test(
        "A Location is resolved as RFC 3986 says, and keeps the bytes of its query",
        arguments: [
            ("/v2/x?a=1+2&b=%2B%2f", "https://h/v2/x?a=1+2&b=%2B%2f"), ("//other:8443/y", "https://other:8443/y"),
            ("https://h:443/z#f", "https://h/z"), ("sibling?s", "https://h/v2/a/sibling?s"),
            ("v2/a/uploads/1", "https://h/v2/a/uploads/1"), ("../b", "https://h/v2/b"), ("?q", "https://h/v2/a/b?q"),
            ("/../../etc", "https://h/etc"), ("javascript:alert(1)", nil), ("http://u@h/", nil),
            ("/x?s=a\\b", "https://h/x?s=a%5Cb"), ("\\\\other/x", nil), ("/\\other/x", nil),
            ("x#\\", "https://h/v2/a/x"),
        ] as [(String, String?)]
    )
    func resolves(reference: String, expected: String?) throws {
        let base = try #require(HTTPURL("https://h/v2/a/b?old"))
        #expect(base.resolving(reference)?.text == expected)
    }

    @Test("A query item is added after the bytes that are there")
    func addsQueryItems() throws {
        let address = try #require(HTTPURL("https://h/u?_state=a%2Fb=="))
        #expect(address.adding("digest", "sha256:ab").text == "https://h/u?_state=a%2Fb==&digest=sha256%3Aab")
        let bare = try #require(HTTPURL("https://h/u"))
        #expect(bare.adding("n", "1").text == "https://h/u?n=1")
    }

    @Test("Challenges are read in all forms that registries send")
    func parsesChallenges() {
        let both = Challenge.parse([
            #"Basic realm="a, b", bEARER Realm="https://t/x?a=1,2",service=reg,scope="r:a:pull,push""#
        ])
        #expect(both.map(\.scheme) == ["basic", "bearer"])
        #expect(both.first?.parameters["realm"] == "a, b")
        #expect(both.last?.parameters == ["realm": "https://t/x?a=1,2", "service": "reg", "scope": "r:a:pull,push"])
        #expect(Challenge.parse(["Negotiate", "Basic"]).map(\.scheme) == ["negotiate", "basic"])
        for token in ["YII+/", "YII=", "YII==", "YII= ", ""] {
            let mixed = Challenge.parse(["Negotiate \(token), Bearer realm=\"r\""])
            #expect(mixed.last == Challenge(scheme: "bearer", parameters: ["realm": "r"]), "\(mixed)")
        }
        #expect(Challenge.parse([#"Bearer realm="a\"b""#]).first?.parameters["realm"] == "a\"b")
        #expect(Challenge.parse([#"Bearer realm="never ends"#]).first?.parameters == [:])
        #expect(Challenge.parse(["", ",,", "=x"]).isEmpty)
    }

    @Test(
        "The next page is found in all forms of Link",
        arguments: [
            (#"</v2/a/tags/list?n=1&last=x>; rel="next""#, "/v2/a/tags/list?n=1&last=x"), ("</p>; rel=next", "/p"),
            (#"</a,b>; rel="prev", </c>; title="x, y"; rel="next""#, "/c"),
            (#"/old?next_page=1; rel="next""#, "/old?next_page=1"),
            (#"</p>; rel="prev next""#, "/p"), ("</p>; rel=last", nil), ("<>; rel=next", ""), ("</p", nil), ("", nil),
            ("</p>; rel='next'", "/p"), ("</p>", "/p"), ("</p>; title=x", "/p"), ("/p", nil), ("/p; title=x", nil),
        ] as [(String, String?)]
    )
    func findsNextLink(field: String, expected: String?) {
        #expect(Link.next(in: [field]) == expected)
    }

    @Test(
        "Content-Range is read strictly",
        arguments: [
            ("bytes 5-9/10", .range(first: 5, last: 9, size: 10)),
            ("BYTES 0-0/*", .range(first: 0, last: 0, size: nil)),
            ("bytes */7", .unsatisfied(size: 7)), ("bytes 9-5/10", nil), ("bytes 5-10/10", nil), ("items 0-1/2", nil),
            ("bytes -5/10", nil), ("bytes +1-2/3", nil), ("5-9/10", nil), ("", nil),
        ] as [(String, ContentRange?)]
    )
    func parsesContentRange(text: String, expected: ContentRange?) {
        #expect(ContentRange(text) == expected)
    }

    @Test(
        "What a registry holds of an upload is read in both spellings",
        arguments: [
            ("0-99", 100), ("bytes=0-9", 10), ("0-0", 0), ("5-9", nil), ("x", nil), ("0-9223372036854775807", nil),
        ]
            as [(String, Int64?)]
    )
    func parsesUploadRange(text: String, expected: Int64?) {
        #expect(UploadRange.count(text) == expected)
    }

    @Test(
        "What this machine refuses is not told as a registry that cannot be reached",
        arguments: [(EMFILE, "ulimit -n"), (ENFILE, "ulimit -n"), (EADDRNOTAVAIL, "ports"), (EPERM, "firewall")]
    )
    func ownRefusals(code: CInt, advice: String) throws {
        let failure = try #require(WireFailure(IOError(errnoCode: code, reason: "socket")))
        let place = try RepositoryReference("a.io/b")
        var error = RegistryError(kind: failure.kind, action: .readManifest, location: place, detail: failure.detail)
        error.cause = failure.cause
        #expect(error.kind == .connection(.withheld) && error.isRetryable)
        #expect("\(error)".contains("this machine opens no connection") && "\(error)".contains(advice))
    }

    @Test(
        "Of several addresses that fail the one is told that says most of the host",
        arguments: [
            ([EADDRNOTAVAIL, ECONNREFUSED], .refused), ([ENETUNREACH, ECONNREFUSED], .refused),
            ([EAFNOSUPPORT, EHOSTUNREACH], .unreachable), ([EHOSTUNREACH, ECONNREFUSED], .refused),
            ([ECONNREFUSED, EADDRNOTAVAIL], .refused), ([EADDRNOTAVAIL, EADDRNOTAVAIL], .withheld),
            ([EADDRNOTAVAIL, EMFILE], .withheld), ([ENETUNREACH], .unreachable),
        ] as [([CInt], RegistryError.Connection)]
    )
    func severalAddresses(codes: [CInt], expected: RegistryError.Connection) {
        let errors = codes.map { IOError(errnoCode: $0, reason: "connect") }
        #expect(WireFailure.telling(of: errors)?.kind == .connection(expected))
    }

    @Test(
        "Retry-After is seconds, a date, or a Unix time",
        arguments: [
            ("7", 7), ("0", 0), ("1.5", 1.5), ("1000000060", 60), ("1000000060000", 60),
            ("Sun, 09 Sep 2001 01:47:10 GMT", 30),
            ("1e300", 31_536_000), ("99999999999999999999", 31_536_000), ("inf", nil),
            ("-1", nil), ("soon", nil), ("", nil), ("Sun, 06 Nov 1994 08:49:37 GMT", nil), ("nan", nil),
        ] as [(String, Double?)]
    )
    func parsesRetryAfter(text: String, expected: Double?) {
        let now = Date(timeIntervalSince1970: 1_000_000_000)
        #expect(RetryAfter.delay(text, now: now) == expected.map { .seconds($0) })
    }

    @Test(
        "A scope is widened by more actions on the same repository, and by nothing else",
        arguments: [
            ("repository:a/b:pull,push", ["repository:a/b:pull,push"]), ("repository:a/b:*", ["repository:a/b:pull,*"]),
            ("repository:x:pull repository:a/b:delete,pull", ["repository:a/b:pull,delete"]),
            ("repository:a/b:pull", nil), ("repository:a/bc:push", nil), ("repository:a/b:pu&sh", nil),
            ("registry:catalog:*", nil), ("repository:a/b:", nil), ("", nil),
        ] as [(String, [String]?)]
    )
    func widensScopes(text: String, expected: [String]?) {
        #expect(Scope(repository: "a/b", access: .pull).widened(by: text)?.parameters == expected)
    }

    @Test("Secrets are hidden as they are and percent-encoded; short ones would tear words apart")
    func hidesSecrets() {
        let text = "pa/ss was sent, pa%2Fss too, and a"
        #expect(text.hiding([Secret("pa/ss"), Secret("a"), Secret("")]) == "*** was sent, *** too, and a")
    }

    @Test(
        "Secrets are hidden in whatever way of writing somebody repeats them",
        arguments: [
            "p?ss w/rd+~>", "p%3fss%20w%2frd%2b~%3e", "p%3Fss%20w/rd%2B~%3E", "p?ss+w/rd%2B%7E>", "cD9zcyB3L3JkK34+",
            "cD9zcyB3L3JkK34-", "cD9zcyB3L3JkK34%2B", "dTpwP3NzIHcvcmQrfj4=", "dTpwP3NzIHcvcmQrfj4",
            "dTpwP3NzIHcvcmQrfj4%3d",
        ]
    )
    func hidesWritings(text: String) {
        let credential = Credential(
            kind: .basic(user: "u", password: Secret("p?ss w/rd+~>")),
            source: .continuousIntegration
        )
        #expect("<\(text)>".hiding(credential.secrets) == "<***>")
    }

    @Test("The padding of base64 is hidden with it, and its other alphabet is another way of writing")
    func hidesBase64() {
        let credential = Credential(
            kind: .basic(user: "u", password: Secret("p?ss>w~~")),
            source: .continuousIntegration
        )
        #expect(
            "u:p?ss>w~~ dTpwP3NzPnd-fg== dTpwP3NzPnd+fg== cD9zcz53fn4=".hiding(credential.secrets)
                == "u:*** *** *** ***"
        )
        let header = Authorization(header: credential.basicHeader)
        #expect("dTpwP3NzPnd-fg".hiding(header.secrets) == "***")
    }

    @Test("HTTP dates count leap days")
    func parsesDates() {
        #expect(HTTPDate.parse("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        #expect(HTTPDate.parse("Thu, 29 Feb 2024 00:00:00 GMT") == 1_709_164_800)
        #expect(HTTPDate.parse("Sunday, 06-Nov-94 08:49:37 GMT") == 784_111_777)
        #expect(HTTPDate.parse("Sun Nov  6 08:49:37 1994") == 784_111_777)
        #expect(HTTPDate.parse("Thursday, 29-Feb-24 00:00:00 GMT") == 1_709_164_800)
        for text in [
            "1994-11-06", "Sun, 06 Nov 1994 08:49:37", "Sun Nov  6 08:49:37 1994 GMT", "", "Sun,", "a b c d e",
        ] {
            #expect(HTTPDate.parse(text) == nil)
        }
    }
}
