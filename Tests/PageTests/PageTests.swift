import Cache
import NIOCore
import OCI
import Serve
import TestSupport
import Testing

@testable import Page

@Suite(.timeLimit(.minutes(10)))
struct PageTests {
    private let fixture: PageFixture

    init() throws {
        fixture = try PageFixture([
            ["alpine:3.9", "alpine:3"], ["alpine:3.21"], ["registry.example.com:5000/team/App:v1".lowercased()],
            ["ghcr.io/org/tool@sha256:\(String(repeating: "ab", count: 32))"],
        ])
    }

    @Test("The page is one document of HTML that forbids everything but its own style, icon and search")
    func fields() async throws {
        let answer = try await fixture.get("/")
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Type"] == "text/html; charset=utf-8")
        #expect(answer.headers["Cache-Control"] == "no-cache")
        #expect(answer.headers["X-Content-Type-Options"] == "nosniff")
        #expect(answer.headers["Referrer-Policy"] == "no-referrer")
        let style = try #require(answer.text.firstMatch(of: /<style>(.*?)<\/style>/.dotMatchesNewlines())?.1)
        let hash = Base64Text.encode(Digest.of(ByteBuffer(string: String(style))).bytes)
        #expect(
            answer.headers["Content-Security-Policy"]
                == "default-src 'none'; style-src 'sha256-\(hash)'; img-src data:; form-action 'self'; "
                + "base-uri 'none'; frame-ancestors 'none'"
        )
        #expect(!answer.text.contains("<script") && !answer.text.contains("style=") && !answer.text.contains("{{"))
        #expect(
            answer.text.matches(of: /(?:src|href|action)="([^"]*)"/).allSatisfy { match in
                match.1 == "./" || match.1.hasPrefix("?") || match.1.hasPrefix("#")
                    || match.1.hasPrefix("data:image/svg+xml,")
            }
        )
    }

    @Test("HEAD answers as GET does, without the document")
    func head() async throws {
        try await fixture.serve { server async throws in
            let client = RawClient(try RegistryHost(server.address))
            let whole = try await client.get("/?repository=docker.io/library/alpine")
            let head = try await client.request("HEAD", "/?repository=docker.io/library/alpine")
            #expect(head.status == 200)
            #expect(head.body.readableBytes == 0)
            #expect(head.headers["Content-Length"] == "\(whole.body.readableBytes)")
            #expect(try await client.request("POST", "/").status == 405)
            #expect(try await client.get("/favicon.ico").status == 404)
        }
    }

    @Test("It tells what the cache holds, what sharing saves, what was done and what is free")
    func figures() async throws {
        let text = try await fixture.get("/").text
        for (label, value) in [
            ("Repositories", "3"), ("Tags", "5"), ("Blobs", "5"), ("On the disk", "3.0 GiB"),
            ("Images in full", "10.0 GiB"), ("Saved by sharing", "7.0 GiB"), ("Free disk space", "7.0 TiB"),
            ("Blobs downloaded", "42"),
        ] {
            #expect(text.contains("<dt>\(label)</dt><dd>\(value)</dd>"), "\(label)")
        }
        #expect(!text.contains("Interrupted downloads"))
        // What people come for stands first.
        let list = try #require(text.firstRange(of: "docker.io/library/alpine"))
        #expect(try list.lowerBound < #require(text.firstRange(of: "<dt>")).lowerBound)
        #expect(text.contains(">2 hours ago</time>"))
    }

    @Test("Tags of one image stand together, the newest version first")
    func tags() async throws {
        let list = try await fixture.get("/").text
        let newest = list.matches(of: /<li class="tag"><a href="([^"]*)">([^<]*)<\/a>/).map { ($0.1, $0.2) }
        #expect(newest.map(\.1) == ["3.21", "v1"])
        #expect(newest.first?.0 == "?repository=docker.io/library/alpine&amp;tag=3.21")
        #expect(list.contains(#"<th scope="row"><a href="?repository=docker.io/library/alpine">"#))
        #expect(list.contains("ghcr.io/org/tool"))
        let text = try await fixture.get("/?repository=docker.io/library/alpine").text
        let tags = text.matches(of: /<a class="tag" href="[^"]*">([^<]*)<\/a>/).map { String($0.1) }
        #expect(tags == ["3.21", "3.9", "3"])
    }

    @Test("What runs is told with its digest, its source and how far it has come")
    func downloads() async throws {
        let digest = PageFixture.digest(9)
        let download = RunningDownload(digest: digest, place: "ghcr.io/a<b>", size: 4 << 20, arrived: 1 << 20)
        fixture.downloads.update { $0 = [download] }
        let text = try await fixture.get("/").text
        #expect(text.contains(#"<progress max="4194304" value="1048576" aria-label="Arrived of \#(digest.short)">"#))
        #expect(text.contains("1.0/4.0 MiB"))
        #expect(text.contains("ghcr.io/a&lt;b&gt;"))
        #expect(text.contains(digest.description))
        #expect(text.contains(##"<a class="quiet" href="#running">1 download is running</a>"##))
        #expect(text.contains(#"<meta http-equiv="refresh" content="5">"#))
        fixture.downloads.update { $0 = [] }
        let quiet = try await fixture.get("/").text
        #expect(!quiet.contains("http-equiv") && !quiet.contains("Running now"))
    }

    @Test("Platforms, the day it was built and the end of life are told where they are known")
    func details() async throws {
        var fixture = fixture
        var known = ImageDetails()
        known.platforms = [
            Platform(os: "linux", architecture: "amd64"), Platform(os: "linux", architecture: "arm", variant: "v7"),
        ]
        known.created = "2026-03-01T12:00:00Z"
        var reproducible = ImageDetails()
        reproducible.created = "1970-01-01T00:00:00Z"
        fixture.details.update { [known, reproducible] in
            $0 = [PageFixture.digest(0): known, PageFixture.digest(1): reproducible]
        }
        fixture.support = { repository, tag in
            guard repository.description == "docker.io/library/alpine" else { return nil }
            return tag.description == "3.9" ? SupportEnd(.ended, date: "2021-01-01") : nil
        }
        let text = try await fixture.get("/?repository=docker.io/library/alpine").text
        #expect(text.contains("linux/amd64</li>") && text.contains("linux/arm/v7</li>"))
        #expect(text.contains(">2026-03-01</td>"))
        #expect(!text.contains("1970"))
        #expect(text.matches(of: /<span class="ended nowrap">ended 2021-01-01<\/span>/).count == 1)
    }

    @Test("A repository's page has the line that pulls each tag, from the host that the visitor used")
    func repository() async throws {
        let text = try await fixture.get("/?repository=docker.io/library/alpine", ["Host": "mirror.lan:5050"]).text
        #expect(text.contains("<h1>docker.io/library/alpine</h1>"))
        #expect(text.contains("3 tags of 2 images."))
        for tag in ["3.21", "3.9", "3"] {
            #expect(
                text.contains(
                    #"<code class="pull">docker pull mirror.lan:5050/docker.io/library/alpine:\#(tag)</code>"#
                )
            )
        }
        #expect(text.contains(#"<code title="\#(PageFixture.digest(0))">\#(PageFixture.digest(0).short)</code>"#))
        let ported = try await fixture.get("/?repository=registry.example.com_5000/team/app", ["Host": "m:1"]).text
        #expect(ported.contains("docker pull m:1/registry.example.com_5000/team/app:v1<"))
        let untagged = try await fixture.get("/?repository=ghcr.io/org/tool", ["Host": "m:1"]).text
        #expect(untagged.contains("docker pull m:1/ghcr.io/org/tool@\(PageFixture.digest(3))<"))
    }

    @Test("A repository that is not there is not found")
    func missing() async throws {
        let answer = try await fixture.get("/?repository=%3Cscript%3E")
        #expect(answer.status == 404)
        #expect(answer.headers["Content-Security-Policy"] != nil)
        #expect(answer.text.contains("There is no repository &lt;script&gt; in the cache."))
    }

    @Test("The page of an empty cache says how it is filled")
    func empty() async throws {
        let text = try await PageFixture([CacheOverview.Image]()).get("/").text
        #expect(text.contains("<code>imglife sync</code>") && text.contains("--pull-through"))
        #expect(!text.contains("<table>"))
    }

    @Test(
        "Where clients pull from is a host that they understand, whatever the visitor's browser says",
        arguments: [
            ("mirror.lan", false, "mirror.lan"), ("mirror", false, "mirror:80"), ("mirror", true, "mirror:443"),
            ("MIRROR:5050", false, "mirror:5050"), ("[::1]:5050", false, "[::1]:5050"),
            ("localhost", false, "localhost"),
            ("a\"b", false, "127.0.0.1:5050"), ("<b>", false, "127.0.0.1:5050"), ("", true, "127.0.0.1:5050"),
            ("a b", false, "127.0.0.1:5050"), ("a/b", false, "127.0.0.1:5050"),
        ]
    )
    func pullAddress(host: String, isTLS: Bool, expected: String) {
        #expect(PullAddress(host: host, otherwise: "127.0.0.1:5050", isTLS: isTLS).description == expected)
    }
}

enum Base64Text {
    static func encode(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let piece = Array(bytes[start..<min(start + 3, bytes.count)])
            let padded = piece + [UInt8](repeating: 0, count: 3 - piece.count)
            let bits = padded.reduce(0) { $0 << 8 | Int($1) }
            for position in 0...3 {
                text.append(position > piece.count ? "=" : digits[bits >> (18 - 6 * position) & 63])
            }
        }
        return text
    }
}
