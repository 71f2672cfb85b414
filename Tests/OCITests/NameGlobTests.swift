import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct NameGlobTests {
    @Test(
        "A name is meant with and without its tag, and Docker Hub's also without what 'docker pull' adds",
        arguments: [
            ("docker.io/library/alpine:3.21", "docker.io/library/alpine:*"),
            ("docker.io/library/alpine:3.21", "*/alpine"),
            ("docker.io/library/alpine:3.21", "library/alpine:3.?1"), ("docker.io/library/alpine:3.21", "[a]lpine"),
            ("docker.io/library/alpine:3.21", "alpine:3.21"), ("docker.io/team/app:1", "team/*"),
            ("docker.io/library/alpine:3.21", "docker.io/alpine"),
            ("docker.io/library/alpine:3.21", "docker.io/alp*:3.21"),
            ("docker.io/library/alpine:3.21", "index.docker.io/alpine"),
            ("docker.io/library/alpine:3.21", "registry-1.docker.io/library/alpine:*"),
            ("docker.io/team/app:1", "index.docker.io/team/app"),
            ("ghcr.io/team/app:1", "*/app"), ("ghcr.io/team/app:1", "ghcr.io/team/app"),
            ("[::1]:5000/app:1", "[::1]:5000/app:1"), ("[::1]:5000/app:1", "[::1]:5000/*"),
            ("[::1]/app:1", "[::1]/app"),
        ]
    )
    func matches(name: String, glob: String) throws {
        #expect(NameGlob(glob).matches(try ImageReference(name)))
    }

    @Test(
        "Others are not",
        arguments: [
            ("ghcr.io/library/alpine:3.21", "alpine*"), ("docker.io/team/app:1", "app*"),
            ("docker.io/team/app:1", "docker.io/app"), ("ghcr.io/library/alpine:3.21", "ghcr.io/alpine"),
            ("ghcr.io/team/app:1", "team/*"),
            ("ghcr.io/team/app:1", "*/ap"), ("ghcr.io/team/app:1", "ghcr.io/team/app:"),
        ]
    )
    func others(name: String, glob: String) throws {
        #expect(!NameGlob(glob).matches(try ImageReference(name)))
    }

    @Test("A glob is what has a glob's characters and is no name")
    func kinds() {
        for text in ["*/app", "app:[12]", "[::1]:5000/*", "a?p"] { #expect(NameGlob.isMeant(by: text)) }
        for text in ["app", "[::1]:5000/app:1", "Not/Usable:1"] { #expect(!NameGlob.isMeant(by: text)) }
    }

    @Test("A repository is meant by its name alone")
    func repositories() throws {
        let alpine = try RepositoryReference("docker.io/library/alpine")
        #expect(NameGlob("alp*").matches(alpine) && NameGlob("*/library/*").matches(alpine))
        #expect(!NameGlob("alpine:*").matches(alpine))
    }
}
