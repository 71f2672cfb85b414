import Cache
import OCI
import Serve
import TestSupport
import Testing

@testable import Page

@Suite(.timeLimit(.minutes(10)))
struct PageEscapingTests {
    static let hostile = [
        "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "</title><b>",
        "</style><script>alert(1)</script>", "\"\u{301} onfocus=alert(1) autofocus x=\"\u{301}", "<\u{338}b>",
        "{{title}}", "{{{style}}}", "&lt;b&gt;", "javascript:alert(1)", "\u{202E}gnp.exe", "\u{1B}[31mred", "a\u{0}b",
        "-->", "]]>", "\u{2028}x",
    ]

    @Test("Whatever an image, a registry or a visitor says is shown as text", arguments: hostile)
    func everywhere(text: String) async throws {
        var fixture = try PageFixture([["alpine:1"]])
        let digest = PageFixture.digest(0)
        var details = ImageDetails()
        details.platforms = [Platform(os: text, architecture: text, variant: text)]
        details.created = text
        fixture.details.update { [details] in $0 = [digest: details] }
        fixture.downloads.update { $0 = [RunningDownload(digest: digest, place: text, size: 1, arrived: 0)] }
        fixture.support = { _, _ in SupportEnd(.ended, date: text) }
        let failure = PageRun.Failure(try RepositoryReference("docker.io/library/alpine"), "1", reason: text)
        var run = PageRun(began: 1, ended: 2)
        run.problem = text
        run.failures = [failure]
        run.repositories = [failure.repository]
        fixture.runs.update { [run] in
            $0 = PageRuns()
            $0?.ended = [run]
        }
        fixture.facts = .sample(digest, saying: text)
        let plain = try await Self.shape(of: fixture, saying: "plain")
        let encoded = text.utf8.filter { $0 >= 0x20 && $0 != 0x7F }.map {
            "%\(String($0 >> 4, radix: 16))\(String($0 & 15, radix: 16))"
        }
        .joined()
        for uri in [
            "/", "/?q=\(encoded)", "/?repository=\(encoded)", "/?repository=docker.io/library/alpine&q=\(encoded)",
            "/?repository=docker.io/library/alpine&tag=1", "/?repository=docker.io/library/alpine&tag=\(encoded)",
            "/?repository=docker.io/library/alpine&sort=\(encoded)",
        ] {
            let html = try await fixture.get(uri).text
            let shown = html.unicodeScalars.filter { $0.isUnsafeToDisplay && $0 != "\n" }
            #expect(shown.isEmpty, "\(uri)")
            #expect(!html.contains("<script") && !html.contains("<img") && !html.contains("<b>"))
            let shape = Self.markup(html)
            #expect(plain.isSuperset(of: shape), "\(shape.subtracting(plain))")
        }
    }

    /// The tags with the names of their attributes that pages have when nobody says anything evil.
    private static func shape(of fixture: PageFixture, saying text: String) async throws -> Set<String> {
        var shape: Set<String> = []
        let repository = "/?repository=docker.io/library/alpine"
        for uri in [
            "/", "/?q=\(text)", "/?q=alpine", "/?repository=\(text)", repository, "\(repository)&tag=1",
            "\(repository)&q=\(text)",
        ] {
            shape.formUnion(markup(try await fixture.get(uri).text))
        }
        return shape
    }

    /// Each tag with the names of its attributes, in the order of its text.
    private static func markup(_ html: String) -> Set<String> {
        var result: Set<String> = []
        var tag: String?
        var quote: Unicode.Scalar?
        for scalar in html.unicodeScalars {
            if let open = quote {
                if scalar == open { quote = nil }
            } else if tag != nil {
                if scalar == ">" {
                    result.insert(tag ?? "")
                    tag = nil
                } else {
                    if scalar == "\"" || scalar == "'" { quote = scalar }
                    tag?.unicodeScalars.append(scalar)
                }
            } else if scalar == "<" {
                tag = ""
            }
        }
        return result
    }
}
