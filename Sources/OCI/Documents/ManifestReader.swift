/// Reads the fields of a manifest or an index from its JSON.
struct ManifestReader {
    let root: JSONValue

    static let schema1 = DocumentError(
        .unsupported,
        "Docker image manifest schema 1 is not mirrored: its digest covers a re-encoded document and its layers carry "
            + "no sizes; push the image again with a current tool, or choose a tag that has a schema 2 or OCI manifest"
    )

    /// The document's type, from what it and its surroundings say of it; the fallback, a manifest's type, is for a
    /// document that neither names its own nor came with one.
    func mediaType(contentType: MediaType?, fallback: MediaType?) throws(DocumentError) -> MediaType {
        guard root.members != nil else { throw DocumentError(.structure, "the manifest is not a JSON object") }
        let declared = try string(named: "mediaType").map { text throws(DocumentError) in try Self.mediaType(text) }
        try refuseSchema1(declared: declared)
        if let declared, !declared.isManifest { throw Self.unsupported(declared) }
        try checkVersion()
        if let declared, let contentType, !declared.isLike(contentType) {
            throw DocumentError(
                .confusion,
                "the registry sends it as \(contentType.description.displaySafe), but it calls itself "
                    + declared.description.displaySafe
            )
        }
        let named = declared ?? contentType
        if let named, !named.isManifest { throw Self.unsupported(named) }
        let isIndex = try hasIndexShape()
        let mediaType = named ?? fallback ?? (isIndex ? .ociIndex : .ociManifest)
        guard mediaType.isIndex == isIndex else {
            throw DocumentError(.confusion, "its type is \(mediaType), but its content is not of that type")
        }
        return mediaType
    }

    func image() throws(DocumentError) -> ImageManifest {
        guard let config = try member("config") else { throw DocumentError(.structure, "'config' is missing") }
        let layers = try array(named: "layers").elements ?? []
        return ImageManifest(
            config: try Self.blob(config, path: "config"),
            layers: try layers.enumerated().map { index, value throws(DocumentError) in
                try Self.layer(value, path: "layers[\(index)]")
            },
            foreignLayers: try foreignLayers(layers),
            annotations: try Self.annotations(root),
            artifactType: try string(named: "artifactType")
        )
    }

    private func foreignLayers(_ layers: [JSONValue]) throws(DocumentError) -> Set<Int> {
        var positions: Set<Int> = []
        for (position, layer) in layers.enumerated() {
            guard let text = try Self.member("mediaType", of: layer, path: "layers[\(position)].")?.string,
                try Self.mediaType(text).isNonDistributable,
                let urls = try Self.member("urls", of: layer, path: "layers[\(position)].")?.elements, !urls.isEmpty
            else { continue }
            positions.insert(position)
        }
        return positions
    }

    func index() throws(DocumentError) -> ImageIndex {
        let manifests = try array(named: "manifests")
        let entries = try (manifests.elements ?? []).enumerated().map { index, value throws(DocumentError) in
            try Self.entry(value, at: index)
        }
        return ImageIndex(
            entries: entries,
            range: manifests.range,
            annotations: try Self.annotations(root),
            artifactType: try string(named: "artifactType")
        )
    }

    /// One element of an index's `manifests`.
    static func entry(_ value: JSONValue, at position: Int) throws(DocumentError) -> ImageIndex.Entry {
        ImageIndex.Entry(
            descriptor: try descriptor(value, path: "manifests[\(position)]"),
            platform: try platform(value, path: "manifests[\(position)].platform"),
            annotations: try annotations(value),
            artifactType: try string(named: "artifactType", of: value, path: "manifests[\(position)]."),
            range: value.range,
            platformRange: value.members?.first { $0.key.utf8.elementsEqual("platform".utf8) }?.value.range
        )
    }

    func descriptor(named key: String) throws(DocumentError) -> Descriptor? {
        guard let value = try member(key) else { return nil }
        return try Self.descriptor(value, path: key)
    }
}

extension ManifestReader {
    private static func unsupported(_ type: MediaType) -> DocumentError {
        DocumentError(.unsupported, "manifests of type \(type.description.displaySafe) are not mirrored")
    }

    private func refuseSchema1(declared: MediaType?) throws(DocumentError) {
        let version = try member("schemaVersion")
        let hasFilesystemLayers = try holds("fsLayers")
        guard declared?.isSchema1 != true, version?.integer != 1, !hasFilesystemLayers else { throw Self.schema1 }
    }

    private func checkVersion() throws(DocumentError) {
        guard let version = try member("schemaVersion") else {
            throw DocumentError(.structure, "'schemaVersion' is missing")
        }
        guard version.integer == 2 else { throw DocumentError(.structure, "'schemaVersion' is not 2") }
    }

    /// Whether it lists manifests rather than layers.
    private func hasIndexShape() throws(DocumentError) -> Bool {
        let isIndex = try holds("manifests")
        let hasConfig = try holds("config")
        let hasLayers = try holds("layers")
        guard isIndex != (hasConfig || hasLayers) else {
            throw isIndex
                ? DocumentError(.confusion, "it holds both 'manifests' and 'layers' or 'config'")
                : DocumentError(.structure, "it holds neither 'manifests' nor 'config' and 'layers'")
        }
        return isIndex
    }

    /// Whether the key is there at all; other readers take even `null` for a sign of the document's kind.
    private func holds(_ key: String) throws(DocumentError) -> Bool {
        _ = try member(key)
        return root.members?.contains { $0.key.utf8.elementsEqual(key.utf8) } ?? false
    }

    /// A list; `null` is an empty one, as Go writes it where a tool has put nothing into it.
    private func array(named key: String) throws(DocumentError) -> JSONValue {
        if try member(key) == nil, let null = root.members?.first(where: { $0.key.utf8.elementsEqual(key.utf8) }) {
            return null.value
        }
        guard let value = try member(key), let elements = value.elements else {
            throw DocumentError(.structure, "'\(key)' is not a list")
        }
        guard elements.count <= Manifest.maximumChildren else {
            throw DocumentError(.tooLarge, "'\(key)' has more than \(Manifest.maximumChildren) entries")
        }
        return value
    }

    private func string(named key: String) throws(DocumentError) -> String? {
        try Self.string(named: key, of: root, path: "")
    }

    private static func string(
        named key: String,
        of value: JSONValue,
        path: String
    ) throws(DocumentError) -> String? {
        guard let value = try member(key, of: value, path: path) else { return nil }
        guard let string = value.string else { throw DocumentError(.structure, "'\(path)\(key)' is not a text") }
        return string.isEmpty ? nil : string
    }

    private func member(_ key: String) throws(DocumentError) -> JSONValue? {
        try Self.member(key, of: root, path: "")
    }

    /// Looks a key up and refuses others that Go's decoder would take for the same.
    private static func member(
        _ key: String,
        of value: JSONValue,
        path: String
    ) throws(DocumentError) -> JSONValue? {
        let isOther = { (member: JSONValue.Member) in
            !member.key.utf8.elementsEqual(key.utf8) && GoFold.areSame(member.key, key)
        }
        if let other = value.members?.first(where: isOther) {
            throw DocumentError(.confusion, "\(path)'\(other.key.displaySafe)' can be taken for '\(key)'")
        }
        return value[key]
    }

    private static func descriptor(_ value: JSONValue, path: String) throws(DocumentError) -> Descriptor {
        guard value.members != nil else { throw DocumentError(.structure, "'\(path)' is not a descriptor") }
        guard let type = try member("mediaType", of: value, path: "\(path).")?.string,
            let digestText = try member("digest", of: value, path: "\(path).")?.string,
            let size = try member("size", of: value, path: "\(path).")?.integer
        else { throw DocumentError(.structure, "'\(path)' lacks mediaType, digest or size, or they are malformed") }
        guard size <= Manifest.maximumContentSize else {
            throw DocumentError(.tooLarge, "'\(path).size' is more than \(Manifest.maximumContentSize) bytes")
        }
        let digest: Digest
        do {
            digest = try Digest(digestText)
        } catch {
            throw DocumentError(.structure, "'\(path)': \(error)")
        }
        guard let descriptor = Descriptor(mediaType: try mediaType(type), digest: digest, size: size) else {
            throw DocumentError(.structure, "'\(path).size' is negative")
        }
        return descriptor
    }

    /// A descriptor of a config, which is not a manifest: other clients choose what to fetch by its type alone.
    private static func blob(_ value: JSONValue, path: String) throws(DocumentError) -> Descriptor {
        let descriptor = try descriptor(value, path: path)
        guard !descriptor.mediaType.isManifest else {
            throw DocumentError(.confusion, "'\(path)' is of type \(descriptor.mediaType), which no blob can be")
        }
        return descriptor
    }

    /// A layer is a blob, whatever it calls itself: zarf's packages have layers of a manifest's type.
    ///
    /// Nothing but the manifest's bytes says so to others, and those stay as they are; here nobody shall take it for a
    /// manifest.
    private static func layer(_ value: JSONValue, path: String) throws(DocumentError) -> Descriptor {
        let descriptor = try descriptor(value, path: path)
        guard descriptor.mediaType.isManifest else { return descriptor }
        return Descriptor(mediaType: .ociLayer, digest: descriptor.digest, size: descriptor.size) ?? descriptor
    }

    /// A media type within a document, where other readers compare it byte by byte.
    private static func mediaType(_ text: String) throws(DocumentError) -> MediaType {
        let type: MediaType
        do {
            type = try MediaType(text)
        } catch {
            throw DocumentError(.structure, "\(error)")
        }
        let isExact = type.description.utf8.elementsEqual(text.utf8)
        guard isExact || !(type.isManifest || type.isSchema1) else {
            throw DocumentError(.confusion, "the type '\(text.displaySafe)' can be taken for \(type)")
        }
        return type
    }

    private static func platform(_ value: JSONValue, path: String) throws(DocumentError) -> Platform? {
        guard let platform = try member("platform", of: value, path: "\(path).") else { return nil }
        guard platform.members != nil else { throw DocumentError(.structure, "'\(path)' is not an object") }
        func text(_ key: String) throws(DocumentError) -> String? {
            guard let value = try member(key, of: platform, path: "\(path).") else { return nil }
            guard let string = value.string else { throw DocumentError(.structure, "'\(path).\(key)' is not a text") }
            return string
        }
        // Half of a platform names none: such an entry is one of all, and never the one that is asked for.
        guard let os = try text("os"), let architecture = try text("architecture") else { return nil }
        return Platform(
            os: os,
            architecture: architecture,
            variant: try text("variant"),
            osVersion: try text("os.version")
        )
    }

    private static func annotations(_ value: JSONValue) throws(DocumentError) -> [String: String] {
        guard let annotations = try member("annotations", of: value, path: "") else { return [:] }
        guard let members = annotations.members else {
            throw DocumentError(.structure, "'annotations' is not an object")
        }
        var result: [String: String] = [:]
        for member in members {
            guard let string = member.value.string else {
                throw DocumentError(.structure, "the annotation '\(member.key.displaySafe)' is not a text")
            }
            result[member.key] = string
        }
        return result
    }
}

extension ImageIndex {
    /// What a registry's own interface lists as referrers (OCI distribution-spec 1.1.1, end-12a).
    ///
    /// Nobody signs such a list, so nothing but its entries is looked at; an object that says nothing at all is an empty one.
    ///
    /// - Throws: ``DocumentError``.
    package init(referrers root: JSONValue) throws(DocumentError) {
        let says = Set(root.members?.map(\.key) ?? ["text"])
        guard says.isDisjoint(with: ["manifests", "errors", "config", "layers", "text"]) else {
            self = try ManifestReader(root: root).index()
            return
        }
        self.init(entries: [], range: root.range, annotations: [:], artifactType: nil)
    }
}
