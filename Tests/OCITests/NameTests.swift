import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct TagNameTests {
    @Test(
        "A tag of the grammar parses and stays as it is",
        arguments: [
            "latest", "3.21", "v1.2.3-rc.1", "_", "_-.", "0", "A", "a..b", "a--", "LATEST",
            "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.sig",
            String(repeating: "x", count: 128),
        ]
    )
    func accepts(text: String) throws {
        #expect(try TagName(text).description == text)
    }

    @Test(
        "Anything else is no tag",
        arguments: [
            "", ".", ".a", "-", "-a", "a b", "a/b", "a:b", "a@b", "a+b", "a%2fb", "a\0", "a\n", "\u{1b}[31m", "..",
            "../x", "é", "e\u{301}", "a\u{301}", "\u{FF41}", "а", "v１", "K\u{212A}", "latest\u{200B}", "a\u{202E}b",
            String(repeating: "x", count: 129),
        ]
    )
    func refuses(text: String) {
        let error = #expect(throws: ReferenceError.self) { try TagName(text) }
        #expect(error?.kind == .tag)
        #expect((error?.description.utf8.count ?? .max) < 1000)
    }

    @Test("Tags are ordered by their bytes")
    func orders() throws {
        let tags = try ["0", "A", "_", "a", "aa", "b"].map { try TagName($0) }
        #expect(tags.reversed().sorted() == tags)
    }
}

@Suite(.timeLimit(.minutes(10)))
struct RepositoryNameTests {
    @Test(
        "A repository name of the grammar parses and stays as it is",
        arguments: [
            "a", "0", "alpine", "library/alpine", "a/b/c/d", "a.b", "a_b", "a__b", "a-b", "a---b", "a.b_c__d-e/1-2",
            String(repeating: "a", count: 255), String(repeating: "a/", count: 127) + "a",
        ]
    )
    func accepts(text: String) throws {
        let name = try RepositoryName(text)
        #expect(name.description == text)
        #expect(name.components.joined(separator: "/") == text)
    }

    @Test(
        "Anything else is no repository name",
        arguments: [
            "", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/./b", ".a", "a.", "_a", "a_", "-a", "a-",
            "a..b", "a___b", "a._b", "a.-b", "a-.b", "a_-b", "a-_b", "a/_b", "a/b.", "A", "aB", "a/B", "a b", "a:b",
            "a@b", "a%2fb", "a\\b", "a\0", "a\n", "é", "e\u{301}", "a/\u{301}b", "а", "a\u{212A}", "a\u{200B}b",
            String(repeating: "a", count: 256), String(repeating: "a/", count: 128) + "a",
        ]
    )
    func refuses(text: String) {
        let error = #expect(throws: ReferenceError.self) { try RepositoryName(text) }
        #expect(error?.kind == .repository)
    }

    @Test("Upper case is named as the reason")
    func explainsUpperCase() {
        let error = #expect(throws: ReferenceError.self) { try RepositoryName("Library/alpine") }
        #expect(error?.description == "invalid repository 'Library/alpine': upper-case letters are not allowed")
    }
}

@Suite(.timeLimit(.minutes(10)))
struct MediaTypeTests {
    @Test(
        "A media type is read without case, surrounding space and parameters",
        arguments: [
            ("application/json", "application/json"), ("Application/JSON", "application/json"),
            ("application/json; charset=utf-8", "application/json"), (" text/plain\t;x", "text/plain"),
            ("application/vnd.oci.image.index.v1+json;", "application/vnd.oci.image.index.v1+json"),
            ("a/b", "a/b"), ("a1!#$&-^_.+/0!#$&-^_.+", "a1!#$&-^_.+/0!#$&-^_.+"),
            ("\(String(repeating: "a", count: 127))/b", "\(String(repeating: "a", count: 127))/b"),
        ]
    )
    func accepts(text: String, canonical: String) throws {
        #expect(try MediaType(text).description == canonical)
    }

    @Test(
        "Anything else is no media type",
        arguments: [
            "", "/", "a", "a/", "/b", "a/b/c", ";", "; charset=utf-8", "a b/c", "a/b, c/d", "a/b\n", "a/b\0",
            "a/\u{1b}",
            "*/*", "a/*", ".a/b", "a/.b", "a/+json", "é/b", "a/b\u{301}", "application/vnd.doc\u{212A}er",
            "application/json\u{37E}x", "\(String(repeating: "a", count: 128))/b",
            "a/\(String(repeating: "b", count: 128))",
        ]
    )
    func refuses(text: String) {
        let error = #expect(throws: ReferenceError.self) { try MediaType(text) }
        #expect(error?.kind == .mediaType)
    }

    @Test("The kinds of documents do not overlap")
    func kinds() {
        #expect(MediaType.manifests.filter(\.isIndex) == [.ociIndex, .dockerList])
        #expect(MediaType.manifests.allSatisfy { $0.isManifest && !$0.isSchema1 })
        let others: [MediaType] = [.dockerSchema1, .dockerSchema1Signed, .ociConfig, .ociEmpty]
        #expect(others.allSatisfy { !$0.isManifest })
        #expect(MediaType.ociArtifact.isUnreadManifest && !MediaType.ociArtifact.isManifest)
        #expect(MediaType.dockerSchema1.isSchema1 && MediaType.dockerSchema1Signed.isSchema1)
    }
}
