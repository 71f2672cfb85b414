import NIOCore
import OCI
import Testing

@Suite(.timeLimit(.minutes(10)))
struct ManifestTests {
    @Test("An OCI image is read in order and kept to the byte")
    func readsOCIImage() throws {
        let manifest = try Fixture.parse(Fixture.ociImage, type: .ociManifest)
        guard case .image(let image) = manifest.content else {
            Issue.record("not an image")
            return
        }
        #expect(manifest.bytes == ByteBuffer(string: Fixture.ociImage))
        #expect(manifest.descriptor == Descriptor(mediaType: .ociManifest, bytes: manifest.bytes))
        #expect(image.config.digest.description == Fixture.digest("c"))
        #expect(image.config.mediaType == .ociConfig)
        #expect(image.layers.map(\.size) == [3_623_844, 32])
        #expect(image.annotations["org.opencontainers.image.version"] == "3.22.1")
        #expect(image.artifactType == nil)
        #expect(manifest.subject == nil)
        #expect(manifest.references == [image.config] + image.layers)
    }

    @Test("A Docker image is read; a foreign layer, which registries need not hold, is none of what must be stored")
    func readsDockerImage() throws {
        let manifest = try Fixture.parse(Fixture.dockerImage)
        guard case .image(let image) = manifest.content else {
            Issue.record("not an image")
            return
        }
        #expect(manifest.descriptor.mediaType == .dockerManifest)
        #expect(image.layers.map(\.size) == [1_718_332_879, 2_806_054])
        #expect(image.foreignLayers == [0])
        #expect(manifest.references.map(\.size) == [1472, 2_806_054])
    }

    @Test(
        "Only a layer that may not be distributed and says where it is counts as foreign",
        arguments: [
            ("application/vnd.oci.image.layer.nondistributable.v1.tar", #","urls":["https://x.example/1"]"#, true),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", #","urls":["https://x.example/1"]"#, true),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", #","urls":[]"#, false),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "", false),
            ("application/vnd.oci.image.layer.v1.tar+gzip", #","urls":["https://x.example/1"]"#, false),
        ]
    )
    func tellsForeignLayers(type: String, urls: String, isForeign: Bool) throws {
        let layer = Fixture.descriptor(type, Fixture.digest("f"), more: urls)
        let manifest = try Fixture.parse(Fixture.image(layers: "[\(Fixture.layer),\(layer)]"))
        #expect(manifest.references.count == (isForeign ? 2 : 3))
    }

    @Test(
        "A layer of a manifest's type is a blob all the same, as zarf's packages have them",
        arguments: [MediaType.ociManifest, .ociIndex, .dockerManifest, .dockerList]
    )
    func readsManifestsAsLayers(type: MediaType) throws {
        let layer = Fixture.descriptor(type.description, Fixture.digest("f"))
        let manifest = try Fixture.parse(Fixture.image(layers: "[\(layer)]"))
        #expect(manifest.references.map(\.mediaType.isManifest) == [false, false])
        #expect(manifest.references.last?.digest.description == Fixture.digest("f"))
    }

    @Test("A Docker manifest list is read with its platforms")
    func readsDockerList() throws {
        let manifest = try Fixture.parse(Fixture.dockerList, type: .dockerList)
        guard case .index(let index) = manifest.content else {
            Issue.record("not an index")
            return
        }
        #expect(manifest.descriptor.mediaType == .dockerList)
        #expect(index.entries.map { $0.platform?.description } == ["linux/amd64", "linux/arm/v7", "windows/amd64"])
        #expect(index.entries.map { $0.platform?.osVersion } == [nil, nil, "10.0.20348.2700"])
        #expect(manifest.references == index.entries.map(\.descriptor))
    }

    @Test("An OCI index is read, and each entry's place covers its descriptor")
    func readsOCIIndex() throws {
        let manifest = try Fixture.parse(Fixture.ociIndex, type: .ociIndex)
        guard case .index(let index) = manifest.content else {
            Issue.record("not an index")
            return
        }
        #expect(index.entries.map { $0.platform?.isUnknown } == [false, false, true])
        #expect(index.annotations == ["org.opencontainers.image.ref.name": "3.22"])
        #expect(index.entries[2].annotations["vnd.docker.reference.digest"] == Fixture.digest("a"))
        let text = Array(Fixture.ociIndex.utf8)
        #expect(text[index.range].first == UInt8(ascii: "[") && text[index.range].last == UInt8(ascii: "]"))
        for entry in index.entries {
            let value = try JSONValue(parsing: Array(text[entry.range]))
            #expect(value["digest"]?.string == entry.descriptor.digest.description)
        }
    }

    @Test(
        "A Content-Type that no registry gave says nothing about the document",
        arguments: [
            "application/json", "application/json; charset=utf-8", "Application/JSON", "application/octet-stream",
            "text/plain; charset=utf-8", "binary/octet-stream", "text/troff", "application/x-troff-man",
            "application/gzip",
            "application/vnd.debian.binary-package", "image/png",
        ]
    )
    func toleratesGeneralTypes(type: String) throws {
        let type = try MediaType(type)
        #expect(try Fixture.parse(Fixture.ociImage, type: type).descriptor.mediaType == .ociManifest)
        #expect(try Fixture.parse(Fixture.dockerList, type: type).descriptor.mediaType == .dockerList)
        #expect(try Fixture.parse(Fixture.index(), type: type).descriptor.mediaType == .ociIndex)
    }

    @Test("Docker's and OCI's types of one shape do not contradict each other; the document's own is what counts")
    func takesEachOthersTypes() throws {
        #expect(try Fixture.parse(Fixture.ociImage, type: .dockerManifest).descriptor.mediaType == .ociManifest)
        #expect(try Fixture.parse(Fixture.dockerList, type: .ociIndex).descriptor.mediaType == .dockerList)
        let bytes = ByteBuffer(string: Fixture.ociImage)
        let expected = Descriptor(mediaType: .dockerManifest, bytes: bytes)
        let manifest = try Manifest(bytes: bytes, contentType: .dockerManifest, expected: expected)
        #expect(manifest.descriptor == Descriptor(mediaType: .ociManifest, bytes: bytes))
    }

    @Test(
        "An entry with half a platform is kept, and is never the one that was asked for",
        arguments: ["{}", #"{"os":"linux"}"#, #"{"architecture":"amd64"}"#, #"{"os":null,"architecture":null}"#]
    )
    func takesHalfPlatforms(platform: String) throws {
        let half = Fixture.descriptor("a/b", more: #","platform":\#(platform)"#)
        let manifest = try Fixture.parse(Fixture.index("[\(half),\(Fixture.entry("1", "linux/amd64"))]"))
        guard case .index(let index) = manifest.content else { throw DocumentError(.structure, "not an index") }
        #expect(index.entries.map { $0.platform?.description } == [nil, "linux/amd64"])
        let chosen = try manifest.selecting([PlatformPattern("linux/amd64")])
        guard case .single(let descriptor) = chosen?.selection else { throw DocumentError(.structure, "not one") }
        #expect(descriptor == index.entries[1].descriptor)
    }

    @Test("Parameters and case of a Content-Type do not contradict the document")
    func toleratesParameters() throws {
        let type = try MediaType("Application/vnd.OCI.image.manifest.v1+json; charset=utf-8")
        #expect(try Fixture.parse(Fixture.ociImage, type: type).descriptor.mediaType == .ociManifest)
    }

    @Test("A document that does not name its type has the sent, the expected or its shape's")
    func infersType() throws {
        #expect(try Fixture.parse(Fixture.image()).descriptor.mediaType == .ociManifest)
        #expect(try Fixture.parse(Fixture.index()).descriptor.mediaType == .ociIndex)
        #expect(try Fixture.parse(Fixture.image(), type: .dockerManifest).descriptor.mediaType == .dockerManifest)
        let bytes = ByteBuffer(string: Fixture.image())
        let expected = Descriptor(mediaType: .dockerManifest, bytes: bytes)
        #expect(try Manifest(bytes: bytes, contentType: nil, expected: expected).descriptor == expected)
    }

    @Test(
        "Unusual documents that mean one thing are accepted",
        arguments: [
            Fixture.image(layers: "[]"),
            Fixture.image(
                config: Fixture.descriptor("application/vnd.oci.empty.v1+json", size: "2", more: #","data":"e30=""#)
            ),
            Fixture.image(more: #","artifactType":"application/vnd.example+type","subject":\#(Fixture.child)"#),
            Fixture.image(more: #","subject":null,"annotations":null,"artifactType":"","mediaType":"""#),
            Fixture.image(config: Fixture.descriptor("application/vnd.cncf.helm.config.v1+json", Fixture.sha512)),
            Fixture.image(layers: "[\(Fixture.layer),\(Fixture.layer)]"),
            Fixture.image(layers: "[\(Fixture.descriptor("text/html; charset=utf-8"))]"),
            Fixture.image(layers: "[\(Fixture.descriptor("a/b", size: "0"))]"),
            Fixture.image(layers: "[\(Fixture.descriptor("a/b", size: "\(Manifest.maximumContentSize)"))]"),
            Fixture.image(more: #","Unknown":1,"unknown":2,"annotations":{"a":"1","A":"2"}"#),
            Fixture.image(more: ",\"annotations\":{\"\u{e9}\":\"1\",\"e\u{301}\":\"2\"}"),
            Fixture.index("[]"),
            Fixture.index("[\(Fixture.child),\(Fixture.child)]"),
            Fixture.index("[\(Fixture.descriptor("application/vnd.buildkit.cacheconfig.v0"))]"),
            Fixture.index("[\(Fixture.descriptor("application/vnd.oci.image.index.v1+json"))]"),
            Fixture.index("[\(Fixture.descriptor("a/b", more: #","platform":null"#))]"),
            "\n\t \(Fixture.index()) \r\n",
        ]
    )
    func accepts(text: String) throws {
        let manifest = try Fixture.parse(text)
        let again = try Manifest(
            bytes: manifest.bytes,
            contentType: manifest.descriptor.mediaType,
            expected: manifest.descriptor
        )
        #expect(again.references == manifest.references)
        #expect(again.bytes == ByteBuffer(string: text))
    }

    @Test("An artifact's subject and type are read")
    func readsArtifact() throws {
        let text = Fixture.image(
            config: Fixture.descriptor("application/vnd.oci.empty.v1+json", size: "2"),
            more: #","artifactType":"application/vnd.example+type","subject":\#(Fixture.child)"#
        )
        let manifest = try Fixture.parse(text)
        #expect(manifest.subject?.digest.description == Fixture.sha256)
        #expect(manifest.references.map(\.mediaType) != manifest.subject.map { [$0.mediaType] })
        guard case .image(let image) = manifest.content else {
            Issue.record("not an image")
            return
        }
        #expect(image.artifactType == "application/vnd.example+type")
        #expect(image.config.mediaType == .ociEmpty)
    }

    @Test("A digest is checked under the algorithm that is expected")
    func checksSHA512() throws {
        let bytes = ByteBuffer(string: Fixture.ociImage)
        let expected = Descriptor(mediaType: .ociManifest, bytes: bytes, algorithm: .sha512)
        #expect(try Manifest(bytes: bytes, contentType: .ociManifest, expected: expected).descriptor == expected)
        let chosen = try Manifest(bytes: bytes, contentType: nil, algorithm: .sha512)
        #expect(chosen.descriptor.digest == expected.digest)
    }

    @Test("A list that is null is empty, as Go writes it")
    func acceptsNullLists() throws {
        #expect(try Fixture.parse(Fixture.image(layers: "null")).references.count == 1)
        let index = try Fixture.parse(Fixture.index("null"))
        #expect(index.references.isEmpty && index.descriptor.mediaType == .ociIndex)
        #expect(String(buffer: index.bytes) == Fixture.index("null"))
        #expect(try index.selecting([PlatformPattern("linux/amd64")]) == nil)
    }

    @Test("A document may have every byte, and every child, that the bounds allow")
    func acceptsBounds() throws {
        let text = Fixture.index()
        let full = text + String(repeating: " ", count: Manifest.maximumSize - text.utf8.count)
        #expect(try Fixture.parse(full).descriptor.size == Int64(Manifest.maximumSize))
        let layer = #"{"mediaType":"a/b","digest":"\#(Fixture.sha256)","size":\#(Manifest.maximumContentSize)}"#
        let layers = Array(repeating: layer, count: Manifest.maximumChildren).joined(separator: ",")
        let references = try Fixture.parse(Fixture.image(layers: "[\(layers)]")).references
        #expect(references.count == Manifest.maximumChildren + 1)
        #expect(references.reduce(0) { $0 + $1.size } > 0)
    }
}
