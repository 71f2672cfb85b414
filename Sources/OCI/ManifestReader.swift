/// Reads the fields of a manifest or an index from its JSON.
struct ManifestReader {
    let root: JSONValue

    static let schema1 = DocumentError(
        .unsupported,
        "Docker image manifest schema 1 is not mirrored: its digest covers a re-encoded document and its layers carry "
            + "no sizes; push the image again with a current tool, or choose a tag that has a schema 2 or OCI manifest"
    )

    func mediaType(contentType: MediaType?) throws(DocumentError) -> MediaType {
        guard root.members != nil else { throw DocumentError(.structure, "the manifest is not a JSON object") }
        try checkVersion()
        let declared = try declaredType()
        if let declared, declared.isSchema1 { throw Self.schema1 }
        if let declared, let contentType, declared != contentType {
            throw DocumentError(
                .confusion,
                "the registry sends it as \(contentType.description.displaySafe), but it calls itself "
                    + declared.description.displaySafe
            )
        }
        let isIndex = try member("manifests") != nil
        let hasConfig = try member("config") != nil
        let hasLayers = try member("layers") != nil
        let isImage = hasConfig || hasLayers
        guard isIndex != isImage else {
            throw isIndex
                ? DocumentError(.confusion, "it holds both 'manifests' and 'layers' or 'config'")
                : DocumentError(.structure, "it holds neither 'manifests' nor 'config' and 'layers'")
        }
        let mediaType = declared ?? contentType ?? (isIndex ? .ociIndex : .ociManifest)
        guard mediaType.isManifest else {
            throw DocumentError(.unsupported, "manifests of type \(mediaType.description.displaySafe) are not mirrored")
        }
        guard mediaType.isIndex == isIndex else {
            throw DocumentError(.confusion, "its type is \(mediaType), but its content is not of that type")
        }
        return mediaType
    }

    func image() throws(DocumentError) -> ImageManifest {
        guard let config = try descriptor(named: "config") else {
            throw DocumentError(.structure, "'config' is missing")
        }
        let layers = try array(named: "layers").elements ?? []
        return ImageManifest(
            config: config,
            layers: try layers.enumerated().map { index, value throws(DocumentError) in
                try Self.descriptor(value, path: "layers[\(index)]")
            },
            annotations: try Self.annotations(root),
            artifactType: try string(named: "artifactType")
        )
    }

    func index() throws(DocumentError) -> ImageIndex {
        let manifests = try array(named: "manifests")
        let entries = try (manifests.elements ?? []).enumerated().map { index, value throws(DocumentError) in
            ImageIndex.Entry(
                descriptor: try Self.descriptor(value, path: "manifests[\(index)]"),
                platform: try Self.platform(value, path: "manifests[\(index)].platform"),
                annotations: try Self.annotations(value),
                range: value.range
            )
        }
        return ImageIndex(
            entries: entries,
            range: manifests.range,
            annotations: try Self.annotations(root),
            artifactType: try string(named: "artifactType")
        )
    }

    func descriptor(named key: String) throws(DocumentError) -> Descriptor? {
        guard let value = try member(key) else { return nil }
        return try Self.descriptor(value, path: key)
    }
}

extension ManifestReader {
    private func checkVersion() throws(DocumentError) {
        guard let version = try member("schemaVersion") else {
            throw DocumentError(.structure, "'schemaVersion' is missing")
        }
        guard version.integer != 1 else { throw Self.schema1 }
        guard version.integer == 2 else { throw DocumentError(.structure, "'schemaVersion' is not 2") }
    }

    private func declaredType() throws(DocumentError) -> MediaType? {
        guard let text = try string(named: "mediaType") else { return nil }
        return try Self.mediaType(text)
    }

    private func array(named key: String) throws(DocumentError) -> JSONValue {
        guard let value = try member(key), let elements = value.elements else {
            throw DocumentError(.structure, "'\(key)' is not a list")
        }
        guard elements.count <= Manifest.maximumChildren else {
            throw DocumentError(.tooLarge, "'\(key)' has more than \(Manifest.maximumChildren) entries")
        }
        return value
    }

    private func string(named key: String) throws(DocumentError) -> String? {
        guard let value = try member(key) else { return nil }
        guard let string = value.string else { throw DocumentError(.structure, "'\(key)' is not a text") }
        return string.isEmpty ? nil : string
    }

    private func member(_ key: String) throws(DocumentError) -> JSONValue? {
        try Self.member(key, of: root, path: "")
    }

    /// Looks a key up and refuses keys that differ from it in case only: Go's decoder would take them for the same.
    private static func member(
        _ key: String,
        of value: JSONValue,
        path: String
    ) throws(DocumentError) -> JSONValue? {
        let lowered = key.lowercased()
        if let other = value.members?.first(where: { $0.key != key && $0.key.lowercased() == lowered }) {
            throw DocumentError(.confusion, "\(path)'\(other.key.displaySafe)' can be taken for '\(key)'")
        }
        return value[key]
    }

    private static func descriptor(_ value: JSONValue, path: String) throws(DocumentError) -> Descriptor {
        guard value.members != nil else { throw DocumentError(.structure, "'\(path)' is not a descriptor") }
        guard let type = try member("mediaType", of: value, path: "\(path).")?.string,
            let digest = try member("digest", of: value, path: "\(path).")?.string,
            let size = try member("size", of: value, path: "\(path).")?.integer
        else { throw DocumentError(.structure, "'\(path)' lacks mediaType, digest or size") }
        do {
            let descriptor = Descriptor(mediaType: try mediaType(type), digest: try Digest(digest), size: size)
            guard let descriptor else { throw DocumentError(.structure, "'\(path).size' is negative") }
            return descriptor
        } catch let error as ReferenceError {
            throw DocumentError(.structure, "'\(path)': \(error)")
        } catch let error as DocumentError {
            throw error
        } catch {
            throw DocumentError(.structure, "'\(path)' is not a descriptor")
        }
    }

    private static func mediaType(_ text: String) throws(DocumentError) -> MediaType {
        do {
            return try MediaType(text)
        } catch {
            throw DocumentError(.structure, "\(error)")
        }
    }

    private static func platform(_ value: JSONValue, path: String) throws(DocumentError) -> Platform? {
        guard let platform = try member("platform", of: value, path: "\(path).") else { return nil }
        guard let os = platform["os"]?.string, let architecture = platform["architecture"]?.string else {
            throw DocumentError(.structure, "'\(path)' lacks os or architecture")
        }
        return Platform(
            os: os,
            architecture: architecture,
            variant: platform["variant"]?.string,
            osVersion: platform["os.version"]?.string
        )
    }

    private static func annotations(_ value: JSONValue) throws(DocumentError) -> [String: String] {
        guard let annotations = value["annotations"] else { return [:] }
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
