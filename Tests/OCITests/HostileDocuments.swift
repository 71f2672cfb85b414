import OCI
import Testing

/// A document that must not be accepted, and why not.
struct HostileDocument: Sendable, CustomTestStringConvertible {
    let kind: DocumentError.Kind
    let text: String
    let type: String?

    init(_ kind: DocumentError.Kind, _ text: String, type: MediaType? = nil) {
        self.kind = kind
        self.text = text
        self.type = type?.description
    }

    var testDescription: String { "\(kind.rawValue) \(type ?? "") \(text.displaySafe(limit: 200))" }

    static let all = types + shapes + keys + schema1 + descriptors + structure + syntax + bounds

    private static func type(_ type: MediaType) -> String { #","mediaType":"\#(type)""# }

    private static let types: [HostileDocument] = [
        .init(.confusion, Fixture.image(more: type(.ociManifest)), type: .dockerList),
        .init(.confusion, Fixture.image(more: type(.dockerManifest)), type: .ociIndex),
        .init(.confusion, Fixture.image(more: type(.ociManifest)), type: .ociIndex),
        .init(.confusion, Fixture.index(more: type(.ociIndex)), type: .ociManifest),
        .init(.confusion, Fixture.index(more: type(.dockerList)), type: .ociManifest),
        .init(.confusion, Fixture.image(more: type(.ociIndex))),
        .init(.confusion, Fixture.image(more: type(.dockerList))),
        .init(.confusion, Fixture.index(more: type(.ociManifest))),
        .init(.confusion, Fixture.index(more: type(.dockerManifest))),
        .init(.confusion, Fixture.image(), type: .ociIndex),
        .init(.confusion, Fixture.image(), type: .dockerList),
        .init(.confusion, Fixture.index(), type: .ociManifest),
        .init(.confusion, Fixture.index(), type: .dockerManifest),
        .init(.confusion, Fixture.image(more: #","mediaType":"Application/vnd.oci.image.manifest.v1+json""#)),
        .init(.confusion, Fixture.index(more: #","mediaType":"application/vnd.oci.image.index.v1+json; a=b""#)),
        .init(.confusion, Fixture.index(more: #","mediaType":" application/vnd.oci.image.index.v1+json""#)),
        .init(.unsupported, Fixture.image(more: type(.octetStream))),
        .init(.unsupported, Fixture.image(more: type(.ociConfig))),
        .init(.unsupported, Fixture.image(more: #","mediaType":"application/json""#)),
        .init(.unsupported, Fixture.image(), type: .ociConfig),
        .init(
            .unsupported,
            #"{"schemaVersion":2,"mediaType":"application/vnd.oci.artifact.manifest.v1+json","blobs":[]}"#
        ),
        .init(.unsupported, #"{"mediaType":"application/vnd.oci.artifact.manifest.v1+json","blobs":[]}"#),
        .init(.structure, Fixture.image(more: #","mediaType":"nonsense""#)),
        .init(.structure, Fixture.image(more: #","mediaType":5"#)),
    ]

    private static let shapes: [HostileDocument] = [
        .init(.confusion, Fixture.image(more: #","manifests":[]"#)),
        .init(.confusion, Fixture.image(more: #","manifests":[\#(Fixture.child)]"#), type: .ociIndex),
        .init(.confusion, Fixture.image(more: #","manifests":null"#)),
        .init(.confusion, Fixture.image(more: #","manifests":{}"#)),
        .init(.confusion, Fixture.index(more: #","layers":[]"#)),
        .init(.confusion, Fixture.index(more: #","layers":null"#)),
        .init(.confusion, Fixture.index(more: #","config":\#(Fixture.config)"#), type: .ociManifest),
        .init(.confusion, Fixture.index(more: #","config":{}"#)),
        .init(.confusion, Fixture.index(more: #","config":null"#)),
        .init(.structure, #"{"schemaVersion":2}"#),
        .init(.structure, #"{"schemaVersion":2}"#, type: .ociIndex),
        .init(.structure, #"{"schemaVersion":2,"blobs":[]}"#),
        .init(.structure, #"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#),
    ]

    private static let keys: [HostileDocument] = [
        .init(.confusion, Fixture.image(more: #","Layers":[]"#)),
        .init(.confusion, Fixture.image(more: #","LAYERS":null"#)),
        .init(.confusion, Fixture.image(more: #","Config":{}"#)),
        .init(.confusion, Fixture.image(more: #","Manifests":[]"#)),
        .init(.confusion, Fixture.image(more: #","manifeſts":[]"#)),
        .init(.confusion, Fixture.image(more: #","layer\u017f":[]"#)),
        .init(.confusion, Fixture.image(more: #","MediaType":"application/vnd.oci.image.index.v1+json""#)),
        .init(.confusion, Fixture.image(more: #","SchemaVersion":1"#)),
        .init(.confusion, Fixture.image(more: #","ſchemaVerſion":1"#)),
        .init(.confusion, Fixture.image(more: #","Subject":\#(Fixture.child)"#)),
        .init(.confusion, Fixture.image(more: #","Annotations":{}"#)),
        .init(.confusion, Fixture.image(more: #","ArtifactType":"a/b""#)),
        .init(.confusion, Fixture.image(more: #","FSLayers":[]"#)),
        .init(.confusion, Fixture.index(more: #","MANIFESTS":[]"#)),
        .init(.confusion, Fixture.index(more: #","cOnfig":{}"#)),
        .init(.confusion, Fixture.image(config: Fixture.descriptor("a/b", more: #","DIGEST":"x""#))),
        .init(.confusion, Fixture.image(layers: "[\(Fixture.descriptor("a/b", more: #","Size":1"#))]")),
        .init(.confusion, Fixture.image(layers: "[\(Fixture.descriptor("a/b", more: #","ſize":1"#))]")),
        .init(.confusion, Fixture.index("[\(Fixture.descriptor("a/b", more: #","mediatype":"c/d""#))]")),
        .init(.confusion, Fixture.index("[\(Fixture.descriptor("a/b", more: #","Platform":{}"#))]")),
        .init(.confusion, Fixture.index("[\(Fixture.entry("1", "linux/amd64", more: #","OS":"windows""#))]")),
        .init(.confusion, Fixture.index("[\(Fixture.entry("1", "linux/amd64", more: #","Variant":"v3""#))]")),
        .init(.syntax, Fixture.image(more: #","layers":[]"#)),
        .init(.syntax, Fixture.image(more: #","layer\u0073":[]"#)),
        .init(.syntax, Fixture.image(more: type(.ociManifest) + type(.ociManifest))),
        .init(.syntax, Fixture.index(more: #","manifests":[]"#)),
        .init(.syntax, Fixture.image(config: Fixture.descriptor("a/b", more: #","size":7"#))),
        .init(.syntax, Fixture.image(layers: "[\(Fixture.descriptor("a/b", more: #","digest":"x""#))]")),
        .init(.syntax, Fixture.index("[\(Fixture.entry("1", "linux/amd64", more: #","os":"linux""#))]")),
        .init(.syntax, Fixture.image(more: #","annotations":{"a":"1","a":"1"}"#)),
        .init(.syntax, Fixture.image(more: #","x":[{"deep":{"a":1,"a":1}}]"#)),
    ]

    static let schema1: [HostileDocument] = [
        .init(.unsupported, Fixture.schema1),
        .init(.unsupported, Fixture.schema1, type: .dockerSchema1),
        .init(.unsupported, Fixture.schema1, type: .dockerSchema1Signed),
        .init(.unsupported, Fixture.schema1, type: .ociManifest),
        .init(.unsupported, Fixture.image(), type: .dockerSchema1),
        .init(.unsupported, Fixture.image(more: type(.dockerSchema1))),
        .init(.unsupported, Fixture.image(more: type(.dockerSchema1Signed)), type: .ociManifest),
        .init(.unsupported, #"{"mediaType":"application/vnd.docker.distribution.manifest.v1+json"}"#),
        .init(.unsupported, #"{"schemaVersion":1}"#),
        .init(.unsupported, #"{"schemaVersion":1,"config":\#(Fixture.config),"layers":[]}"#, type: .dockerManifest),
        .init(.unsupported, #"{"schemaVersion":1,"manifests":[]}"#),
        .init(.unsupported, #"{"fsLayers":[]}"#),
        .init(.unsupported, Fixture.image(more: #","fsLayers":[]"#)),
        .init(.unsupported, Fixture.index(more: #","fsLayers":null"#)),
        .init(.unsupported, "not even JSON", type: .dockerSchema1Signed),
    ]
}

extension HostileDocument {
    private static func config(_ text: String) -> String { Fixture.image(config: text) }

    private static let descriptors: [HostileDocument] = [
        .init(.structure, config(Fixture.descriptor("a/b", size: "-1"))),
        .init(.structure, config(Fixture.descriptor("a/b", size: "-9223372036854775808"))),
        .init(.structure, config(Fixture.descriptor("a/b", size: "9223372036854775808"))),
        .init(.structure, config(Fixture.descriptor("a/b", size: "1e400"))),
        .init(.structure, config(Fixture.descriptor("a/b", size: "7.0"))),
        .init(.structure, config(Fixture.descriptor("a/b", size: "7e0"))),
        .init(.structure, config(Fixture.descriptor("a/b", size: #""7""#))),
        .init(.structure, config(Fixture.descriptor("a/b", size: "null"))),
        .init(.structure, config(Fixture.descriptor("a/b", size: "[7]"))),
        .init(.tooLarge, config(Fixture.descriptor("a/b", size: "9223372036854775807"))),
        .init(.tooLarge, config(Fixture.descriptor("a/b", size: "\(Manifest.maximumContentSize + 1)"))),
        .init(.structure, config(Fixture.descriptor("a/b", "sha256:../../../etc/passwd"))),
        .init(.structure, config(Fixture.descriptor("a/b", Fixture.sha256.uppercased()))),
        .init(.structure, config(Fixture.descriptor("a/b", "md5:d41d8cd98f00b204e9800998ecf8427e"))),
        .init(.structure, config(Fixture.descriptor("a/b", Fixture.sha256 + #"\u0000"#))),
        .init(.structure, config(Fixture.descriptor("a/b", Fixture.sha256 + #"\u0301"#))),
        .init(.structure, config(Fixture.descriptor("a/b", ""))),
        .init(.structure, config(Fixture.descriptor(""))),
        .init(.structure, config(Fixture.descriptor("nonsense"))),
        .init(.structure, config(Fixture.descriptor(#"a/b\r\nX-Injected: 1"#))),
        .init(.structure, config("{}")), .init(.structure, config("[]")), .init(.structure, config("null")),
        .init(.structure, config(#""x""#)), .init(.structure, config("[\(Fixture.config)]")),
        .init(.structure, config(#"{"digest":"\#(Fixture.sha256)","size":7}"#)),
        .init(.structure, config(#"{"mediaType":"a/b","size":7}"#)),
        .init(.structure, config(#"{"mediaType":"a/b","digest":"\#(Fixture.sha256)"}"#)),
        .init(.confusion, config(Fixture.child)),
        .init(.confusion, Fixture.index("[\(Fixture.descriptor("application/vnd.OCI.image.manifest.v1+json"))]")),
        .init(.confusion, Fixture.index("[\(Fixture.descriptor("application/vnd.oci.image.index.v1+json;"))]")),
        .init(.structure, Fixture.image(more: #","subject":{}"#)),
        .init(.structure, Fixture.image(more: #","subject":"x""#)),
        .init(.structure, Fixture.index(more: #","subject":[]"#)),
    ]

    private static let structure: [HostileDocument] = [
        .init(.structure, "[]"), .init(.structure, "null"), .init(.structure, "2"), .init(.structure, #""x""#),
        .init(.structure, "{}"), .init(.structure, "[\(Fixture.image())]"),
        .init(.structure, #"{"config":\#(Fixture.config),"layers":[]}"#),
        .init(.structure, #"{"schemaVersion":"2","config":\#(Fixture.config),"layers":[]}"#),
        .init(.structure, #"{"schemaVersion":2.0,"config":\#(Fixture.config),"layers":[]}"#),
        .init(.structure, #"{"schemaVersion":3,"manifests":[]}"#),
        .init(.structure, #"{"schemaVersion":null,"manifests":[]}"#),
        .init(.structure, #"{"schemaVersion":2,"config":\#(Fixture.config)}"#),
        .init(.structure, #"{"schemaVersion":2,"layers":[]}"#),
        .init(.structure, Fixture.image(layers: "{}")), .init(.structure, Fixture.image(layers: "false")),
        .init(.structure, Fixture.image(layers: "[null]")), .init(.structure, Fixture.image(layers: "[[]]")),
        .init(.structure, Fixture.image(layers: #"["\#(Fixture.sha256)"]"#)),
        .init(.structure, Fixture.index("{}")), .init(.structure, Fixture.index("false")),
        .init(.structure, Fixture.index("[5]")), .init(.structure, Fixture.index(#""x""#)),
        .init(.structure, Fixture.image(more: #","annotations":[]"#)),
        .init(.structure, Fixture.image(more: #","annotations":{"a":1}"#)),
        .init(.structure, Fixture.image(more: #","annotations":{"a":null}"#)),
        .init(.structure, Fixture.image(more: #","artifactType":{}"#)),
        .init(.structure, Fixture.index("[\(Fixture.descriptor("a/b", more: #","platform":[]"#))]")),
        .init(.structure, Fixture.index("[\(Fixture.descriptor("a/b", more: #","platform":{"os":5}"#))]")),
        .init(.structure, Fixture.index("[\(Fixture.entry("1", "linux/arm", more: #","variant":7"#))]")),
        .init(.structure, Fixture.index("[\(Fixture.entry("1", "linux/arm", more: #","os.version":{}"#))]")),
        .init(.structure, Fixture.index("[\(Fixture.descriptor("a/b", more: #","annotations":5"#))]")),
    ]

    private static let syntax: [HostileDocument] = [
        .init(.syntax, ""), .init(.syntax, "<html></html>"), .init(.syntax, Fixture.image() + "{}"),
        .init(.syntax, Fixture.image() + "\0"), .init(.syntax, "\u{feff}" + Fixture.image()),
        .init(.syntax, Fixture.image(more: ",")), .init(.syntax, Fixture.image(layers: "[\(Fixture.layer),]")),
        .init(.syntax, config(Fixture.descriptor("a/b", size: "07"))),
        .init(.syntax, config(Fixture.descriptor("a/b", size: "+7"))),
        .init(.syntax, config(Fixture.descriptor("a/b", size: "NaN"))),
        .init(.syntax, Fixture.image(more: #","annotations":{"a":"\ud800"}"#)),
        .init(.syntax, Fixture.image(more: ",\"annotations\":{\"a\":\"\n\"}")),
        .init(.syntax, Fixture.image(more: " /* comment */")),
    ]

    private static let bounds: [HostileDocument] = [
        .init(.tooLarge, Fixture.image() + String(repeating: " ", count: Manifest.maximumSize)),
        .init(.tooLarge, Fixture.image(more: #","x":\#(String(repeating: "[", count: 1000))"#)),
        .init(.tooLarge, Fixture.index("[" + Array(repeating: "0", count: 10_001).joined(separator: ",") + "]")),
        .init(
            .tooLarge,
            Fixture.image(layers: "[" + Array(repeating: "0", count: 10_001).joined(separator: ",") + "]")
        ),
        .init(.tooLarge, Fixture.image(more: ",\"x\":[" + String(repeating: "0,", count: 1_100_000) + "0]")),
    ]
}
