import OCI
import Sync
import Testing

@testable import Convert

/// Lists, manifests and bills of materials name images; each becomes an entry below one target.
@Suite(.timeLimit(.minutes(10)))
struct ImageConversionTests {
    private static let digest = "sha256:" + String(repeating: "ab", count: 32)

    @Test("A list of images, with tags, digests, platforms and comments")
    func list() throws {
        let converted = try Converted(
            """
            # base images
            alpine:3.21
            alpine   # the newest
            docker.io/library/alpine:3.21
            quay.io/coreos/etcd:v3.5.0@\(Self.digest)
            --platform=linux/arm64 golang:1.22
            ghcr.io/coreos/etcd:v3.5.0
            redis@\(Self.digest)
            """,
            target: "mirror.example.com"
        )
        #expect(
            converted.entries == [
                "docker.io/library/alpine:3.21 -> mirror.example.com/alpine",
                "docker.io/library/alpine:latest -> mirror.example.com/alpine",
                "quay.io/coreos/etcd:v3.5.0 -> mirror.example.com/quay.io/coreos/etcd",
                "docker.io/library/golang:1.22 -> mirror.example.com/golang",
                "ghcr.io/coreos/etcd:v3.5.0 -> mirror.example.com/ghcr.io/coreos/etcd",
            ]
        )
        #expect(converted.configuration.entries[3].platforms == [try PlatformPattern("linux/arm64")])
        #expect(converted.flat.contains("# was pinned to \(Self.digest)"))
        #expect(
            converted.flat.contains("# not converted: docker.io/library/redis@\(Self.digest): a digest without a tag")
        )
    }

    @Test("An image of a list may be written as other programs take it, and its platform stand behind it")
    func listForms() throws {
        let converted = try Converted(
            """
            docker://quay.io/a/b:1
            "quay.io/a/c:1"   # with quotes
            - 'docker://quay.io/a/d:1'
            quay.io/a/e:1 --platform linux/arm64
            quay.io/a/f:1 --platform=linux/amd64,linux/arm64
            """
        )
        #expect(
            converted.entries
                == "bcdef".map { "quay.io/a/\($0):1 -> registry.example.com/mirrors/a/\($0)" }
        )
        #expect(converted.configuration.entries.map(\.platforms.count) == [0, 0, 0, 1, 2])
    }

    @Test(
        "The line that keeps a file from being a list is named, not what it says",
        arguments: ["quay.io/Team/App:1", "quay.io/a/b:1 SEKRET", "https://robot:SEKRET@quay.io/x:1"]
    )
    func strangeLine(line: String) {
        let error = #expect(throws: ConversionError.self) { try Converted("# ours\nalpine:3.21\n\n\(line)\n") }
        let text = "\(error?.description ?? "")"
        #expect(text.contains("a list of images (line 4 is no image alone); name its format"), "\(text)")
        #expect(!text.contains("SEKRET"))
    }

    @Test(
        "Line ends and the mark of other systems' editors change nothing",
        arguments: ["\n", "\r\n", "\r\r\n", "\r"],
        ["", "\u{FEFF}"]
    )
    func lineEnds(end: String, mark: String) throws {
        let list = ["alpine:3.21", "# team", "quay.io/a/b:1", "nginx:1.27", ""]
        #expect(try Converted(mark + list.joined(separator: end)).entries.count == 3)
        let pods = ["nginx:1.27", "redis:7"].map {
            ["apiVersion: v1", "kind: Pod", "spec: {containers: [{image: '\($0)'}]}"].joined(separator: end)
        }
        #expect(try Converted(mark + pods.joined(separator: end + "---" + end)).entries.count == 2)
        let bill = [
            "SPDXVersion: SPDX-2.3", "PackageName: x",
            "ExternalRef: PACKAGE-MANAGER purl "
                + "pkg:oci/debian@sha256%3A\(String(repeating: "a", count: 64))?repository_url=docker.io/library/debian&tag=12",
        ]
        #expect(try Converted(mark + bill.joined(separator: end)).entries.count == 1)
    }

    @Test(
        "A script is no list, though its first words could be images",
        arguments: ["crane copy alpine:3.21 r.example/alpine:3.21\n", "docker pull nginx:1.27\ndocker pull redis:7\n"]
    )
    func script(text: String) {
        #expect(ForeignFormat.recognize(text) == nil)
    }

    @Test("Users and passwords of addresses are never repeated")
    func secrets() throws {
        let list = try Converted("alpine:3\nhttps://robot:SEKRET@quay.io/x:1\n", format: .list)
        #expect(list.text.contains("not converted") && !list.text.contains("SEKRET"))
        let regsync = try Converted(
            """
            version: 1
            sync:
              - {source: "https://robot:SEKRET@quay.io/a", target: r.example/a, type: repository}
              - {source: quay.io/b, target: r.example/b, type: repository}
            """
        )
        #expect(regsync.text.contains("not converted") && !regsync.text.contains("SEKRET"))
    }

    @Test("Empty parts of an image say nothing")
    func emptyParts() throws {
        let converted = try Converted(
            """
            apiVersion: helm.toolkit.fluxcd.io/v2
            kind: HelmRelease
            spec:
              values:
                image: {registry: "", repository: quay.io/a/b, tag: v1, digest: ""}
            """
        )
        #expect(converted.entries.count == 1 && converted.entries[0].hasPrefix("quay.io/a/b:v1 "))
    }

    @Test("Directives belong to the document that follows, at a file's beginning and behind the end of another")
    func directives() throws {
        let pod = { (image: String) in "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: '\(image)'}]}\n" }
        let text =
            "# ours\n%YAML 1.2\n---\n" + pod("quay.io/a/b:1")
            + "...\n\n# next\n%YAML 1.2\n%TAG ! tag:x,2000:\n--- # it\n"
            + pod("quay.io/a/c:1") + "---\n" + pod("quay.io/a/d:1") + "image: quay.io/a/e:1\nimage: quay.io/a/e:1\n"
        let converted = try Converted(text)
        #expect(converted.entries.map { $0.prefix { $0 != " " } } == "bcde".map { "quay.io/a/\($0):1" })
        #expect(converted.flat.contains("merges nothing (line 21, column 1)"), "\(converted.flat)")
        #expect(throws: ConversionError.self) {
            try Converted("%YAML 1.2\n---\n" + pod("quay.io/a/b:1") + "%TAG ! tag:x,2000:\n---\n")
        }
    }

    @Test("Kubernetes manifests, also as 'helm template' prints them")
    func kubernetes() throws {
        let converted = try Converted(
            """
            ---
            # Source: chart/templates/deployment.yaml
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web}
            spec:
              template:
                spec:
                  initContainers: [{name: i, image: "busybox:1.36"}]
                  containers:
                    - name: web
                      image: "quay.io/some/web:1.2"
                      args: [--reloader=quay.io/some/reloader:v0.7, --listen=0.0.0.0:80]
                      env: [{name: SIDECAR, value: "quay.io/some/sidecar:2"}]
                  volumes:
                    - {name: data, image: {reference: "quay.io/some/data:5", pullPolicy: Always}}
            ---
            ---
            apiVersion: v1
            kind: List
            items:
              - apiVersion: batch/v1
                kind: CronJob
                metadata: {name: night}
                spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: "quay.io/some/web:1.2"}]}}}}}
            ---
            apiVersion: example.org/v1
            kind: Database
            metadata: {name: db}
            spec:
              image: {registry: quay.io, repository: some/db, tag: '16'}
            ---
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            spec: {versions: [{schema: {properties: {image: {type: string, description: an image}}}}]}
            """,
            target: "mirror.example.com/k8s"
        )
        #expect(
            converted.entries == [
                "docker.io/library/busybox:1.36 -> mirror.example.com/k8s/busybox",
                "quay.io/some/web:1.2 -> mirror.example.com/k8s/some/web",
                "quay.io/some/data:5 -> mirror.example.com/k8s/some/data",
                "quay.io/some/db:16 -> mirror.example.com/k8s/some/db",
            ]
        )
        for words in [
            "in Deployment/web, CronJob/night", "in Database/db", "quay.io/some/reloader:v0.7",
            "quay.io/some/sidecar:2",
        ] {
            #expect(converted.flat.contains(words), "\(words)")
        }
        #expect(!converted.flat.contains("0.0.0.0"))
    }

    @Test("CycloneDX and SPDX, where they name images")
    func materials() throws {
        let cyclone = """
            {"bomFormat": "CycloneDX", "specVersion": "1.5",
             "metadata": {"component": {"type": "container", "name": "quay.io/some/app", "version": "2.1"}},
             "components": [
              {"type": "library", "name": "zlib", "version": "1.3", "purl": "pkg:deb/debian/zlib@1.3"},
              {"type": "container", "name": "etcd",
               "purl": "pkg:oci/etcd@sha256%3A\(String(repeating: "ab", count: 32))?repository_url=quay.io/coreos/etcd&tag=v3.5.0"},
              {"type": "container", "name": "x", "purl": "pkg:docker/customer/image@1.0?repository_url=gcr.io"}]}
            """
        let expected = ["quay.io/some/app:2.1", "quay.io/coreos/etcd:v3.5.0", "gcr.io/customer/image:1.0"]
        #expect(try Converted(cyclone).configuration.entries.map { "\($0.source)" + $0.tagSuffix } == expected)
        let spdx = """
            {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": [
              {"name": "zlib", "versionInfo": "1.3", "externalRefs": [{"referenceLocator": "pkg:deb/debian/zlib@1.3"}]},
              {"name": "gcr.io/customer/image", "versionInfo": "1.0", "primaryPackagePurpose": "CONTAINER"}]}
            """
        #expect(
            try Converted(spdx).entries == ["gcr.io/customer/image:1.0 -> registry.example.com/mirrors/customer/image"]
        )
        let lines = """
            SPDXVersion: SPDX-2.3
            PackageName: image
            ExternalRef: PACKAGE-MANAGER purl pkg:docker/cassandra@5.0
            """
        #expect(
            try Converted(lines).entries == [
                "docker.io/library/cassandra:5.0 -> registry.example.com/mirrors/cassandra"
            ]
        )
    }

    @Test(
        "Package URLs of images",
        arguments: [
            ("pkg:docker/cassandra@latest", "cassandra:latest"),
            ("pkg:oci/debian?repository_url=docker.io/library/debian&tag=12", "docker.io/library/debian:12"),
            ("pkg:docker/a/b@1?repository_url=https://gcr.io#sub", "gcr.io/a/b:1"), ("pkg:npm/left-pad@1", nil),
            ("alpine", nil),
        ]
    )
    func packageURL(_ text: String, _ image: String?) {
        #expect(PackageURL.image(text) == image)
    }
}

extension Configuration.Entry {
    fileprivate var tagSuffix: String {
        if case .tag(let tag) = selection { ":\(tag)" } else { "" }
    }
}
