import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ImageReferenceTests {
    private static let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    @Test(
        "A reference is read as docker pull reads it",
        arguments: [
            ("alpine", "docker.io/library/alpine"),
            ("alpine:3", "docker.io/library/alpine:3"),
            ("alpine@\(digest)", "docker.io/library/alpine@\(digest)"),
            ("alpine:3@\(digest)", "docker.io/library/alpine:3@\(digest)"),
            ("grafana/grafana:12.0", "docker.io/grafana/grafana:12.0"),
            ("a/b/c", "docker.io/a/b/c"),
            ("docker.io/alpine", "docker.io/library/alpine"),
            ("index.docker.io/alpine:3", "docker.io/library/alpine:3"),
            ("registry-1.docker.io/library/alpine", "docker.io/library/alpine"),
            ("docker.io/library/library/alpine", "docker.io/library/library/alpine"),
            ("localhost/x", "localhost/x"),
            ("localhost:5000/x", "localhost:5000/x"),
            ("localhost:5000/x:y", "localhost:5000/x:y"),
            ("localhost:5000/x:y@\(digest)", "localhost:5000/x:y@\(digest)"),
            ("host.tld/x", "host.tld/x"),
            ("HOST.tld/x", "host.tld/x"),
            ("LOCALHOST/x", "localhost/x"),
            ("Registry:443/x", "registry:443/x"),
            ("registry:5000/x", "registry:5000/x"),
            ("registry/x", "docker.io/registry/x"),
            ("[::1]:5000/x:y", "[::1]:5000/x:y"),
            ("127.0.0.1:5000/x", "127.0.0.1:5000/x"),
            ("my.image", "docker.io/library/my.image"),
            ("my.image:latest", "docker.io/library/my.image:latest"),
            ("x:5000", "docker.io/library/x:5000"),
            ("x:sha256-abc.sig", "docker.io/library/x:sha256-abc.sig"),
        ]
    )
    func accepts(text: String, canonical: String) throws {
        let reference = try ImageReference(text)
        #expect(reference.description == canonical)
        #expect(try ImageReference(reference.description) == reference)
        if reference.tag == nil, reference.digest == nil {
            #expect(try RepositoryReference(text) == reference.location)
        }
    }

    @Test(
        "Anything else is no reference",
        arguments: [
            "", "/", "/x", "x/", "//x", ":", ":x", "@", "x:", "x@", "x:@\(digest)", "x@sha256:abc", "x@3",
            "x@\(digest)@\(digest)", "x@\(digest):3", "x:3:4", "x :3", " x", "x\n", "X", "a/X", "Registry/x", "x:-a",
            "x:.a",
            "https://host.tld/x", "http://localhost:5000/x", "docker://alpine", "host.tld/", "host.tld:5000/",
            "host.tld//x", "localhost", "localhost:5000", "registry.example.com:5000", "host.tld:0/x", "host.tld:x/y",
            "host.tld:65536/x", "user@host.tld/x", "host.tld/../x", "host.tld/x/../y", "host.tld/x?y", "host.tld/x#y",
            "host.tld/x%2fy", "é/x", "e\u{301}/x", "x@\u{301}\(digest)", "x:\u{301}3", "host.tld/\u{301}x", "[::1]",
            "[::1]:5000", "x:\(String(repeating: "y", count: 129))", String(repeating: "x", count: 248),
        ]
    )
    func refuses(text: String) {
        #expect(throws: ReferenceError.self) { try ImageReference(text) }
    }

    @Test("Digest wins over a tag, a tag over nothing")
    func choosesReference() throws {
        let digest = try Digest(Self.digest)
        #expect(try ImageReference("x:y@\(Self.digest)").reference == .digest(digest))
        #expect(try ImageReference("x:y").reference == .tag(TagName("y")))
        #expect(try ImageReference("x").reference == nil)
        #expect(Reference.digest(digest).description == Self.digest)
        #expect(try Reference.tag(TagName("y")).description == "y")
    }

    @Test(
        "A repository reference takes neither scheme nor tag nor digest",
        arguments: [
            "https://host.tld/x", "alpine:3", "host.tld/x:3", "alpine@\(digest)", "localhost", "localhost:5000", "",
            "host.tld/",
        ]
    )
    func refusesMoreThanRepository(text: String) {
        #expect(throws: ReferenceError.self) { try RepositoryReference(text) }
    }

    @Test(
        "A message says what is wrong",
        arguments: [
            (
                "https://host.tld/x",
                "invalid reference 'https://host.tld/x': write it without a scheme such as https://"
            ),
            (
                "Registry/x",
                "invalid reference 'Registry/x': write the host 'registry' with a port, such as registry:443, or the "
                    + "repository in lower case"
            ),
            ("localhost:5000", "invalid reference 'localhost:5000': a repository is missing after the host"),
            ("x:\u{1b}[2J", "invalid tag '\\u{1b}[2J': it must start with a letter, a digit or '_'"),
        ]
    )
    func explains(text: String, message: String) {
        let error = #expect(throws: ReferenceError.self) { try ImageReference(text) }
        #expect(error?.description == message)
    }
}
