import NIOCore
import OCI

/// The images of a `docker save` archive: `manifest.json` says which members are configs and layers.
///
/// Such an archive has no manifests; each image gets one that is made from its config and layers alone, so that the same
/// image always has the same digest.
struct DockerImages {
    /// A member, by the digest of its bytes.
    struct File {
        let digest: Digest
        let size: Int64
        /// `nil` for what is not compressed.
        let compression: Compression?
        /// Whether it could be a manifest or config.
        let isText: Bool

        init(digest: Digest, size: Int64, compression: Compression?, isText: Bool) {
            self.digest = digest
            self.size = size
            self.compression = compression
            self.isText = isText
        }

        /// By its first bytes.
        init(digest: Digest, size: Int64, head: [UInt8]) {
            self.digest = digest
            self.size = size
            compression = Compression(ByteBuffer(bytes: head))
            isText = head.first == UInt8(ascii: "{")
        }
    }

    /// Where members are found by their names, links resolved.
    let file: (String) -> File?
    /// The bytes of a small one.
    let contents: (File) throws -> ByteBuffer?
    /// What compressed ones hold.
    let unpacked: UnpackedLayers

    /// Makes the manifest of one image that a `manifest.json` lists.
    ///
    /// - Throws: ``ArchiveRefusal``; what `contents` and `unpacked` throw.
    func manifest(_ value: JSONValue) async throws -> Manifest {
        guard let configName = value["Config"]?.string, let layerNames = value.list("Layers")?.map(\.string),
            layerNames.count <= Manifest.maximumChildren
        else { throw ArchiveRefusal("manifest.json", "lists an image without Config or Layers") }
        let config = try find(configName)
        try Self.check(config, against: configName)
        let layers = try layerNames.map { name in
            guard let name else { throw ArchiveRefusal("manifest.json", "names a layer by something else than a text") }
            return (name: name, file: try find(name))
        }
        let identifiers = try identifiers(config, configName)
        guard identifiers.count == layers.count else {
            let counts = "\(identifiers.count) layers, but manifest.json lists \(layers.count)"
            throw ArchiveRefusal(configName, "is of \(counts)")
        }
        // First, as it tells how a layer may be compressed.
        let manifest = try Self.manifest(config, layers.map(\.file))
        for (layer, identifier) in zip(layers, identifiers) {
            try await check(layer.file, layer.name, identifier ?? "", configName)
        }
        return manifest
    }

    /// The digest of an image's config, where it is in the archive.
    func config(_ value: JSONValue) -> Digest? { value["Config"]?.string.flatMap(file)?.digest }

    /// The digests of an image's layers, as far as they are in the archive.
    func layers(_ value: JSONValue) -> [Digest] {
        value["Layers"]?.elements?.compactMap { $0.string.flatMap(file)?.digest } ?? []
    }

    static func isNamed(_ value: JSONValue) -> Bool { value["RepoTags"]?.elements?.isEmpty == false }

    static func names(_ value: JSONValue) throws(ArchiveRefusal) -> [ImportName] {
        var names: [ImportName] = []
        for tag in value["RepoTags"]?.elements ?? [] {
            guard let text = tag.string else {
                throw ArchiveRefusal("manifest.json", "names an image by something else than a text")
            }
            names.append(ImportName(text))
        }
        return names
    }

    private func find(_ name: String) throws(ArchiveRefusal) -> File {
        guard let file = file(name) else {
            throw ArchiveRefusal("manifest.json", "names '\(name.displaySafe)', which is not in the archive")
        }
        return file
    }

    /// A config is called by its digest; anything else has just a name.
    private static func check(_ config: File, against name: String) throws(ArchiveRefusal) {
        let stem = name.hasSuffix(".json") ? name.dropLast(5) : name[...]
        guard let digest = (try? Digest(stem)) ?? (try? Digest("sha256:\(stem)")), digest != config.digest
        else { return }
        throw otherBytes(name, digest, config.digest)
    }

    private static func otherBytes(_ name: String, _ digest: Digest, _ found: Digest) -> ArchiveRefusal {
        ArchiveRefusal(name, "holds other bytes than its name says: expected \(digest), got \(found)")
    }

    /// What the config says that its layers are.
    private func identifiers(_ config: File, _ name: String) throws -> [String?] {
        guard config.size <= Manifest.maximumSize else {
            throw ArchiveRefusal(name, "is larger than a config may be, \(Manifest.maximumSize) bytes")
        }
        guard let bytes = try contents(config) else { throw ImportExamination.removed(config.digest) }
        let root = try Self.parse(bytes, name)
        guard let identifiers = root["rootfs"]?.list("diff_ids")?.map(\.string), root["os"]?.string != nil else {
            throw ArchiveRefusal(name, "is no image's config")
        }
        return identifiers
    }

    /// What does not hold what the config says, decompressed, is damaged or another image's.
    private func check(_ layer: File, _ name: String, _ identifier: String, _ config: String) async throws {
        let expected = try? Digest(identifier)
        let held = try await unpacked.digest(of: layer, name, expected: expected ?? layer.digest)
        guard expected == held else {
            throw ArchiveRefusal(
                config,
                "names the layer '\(identifier.displaySafe)', but the archive has \(held) in '\(name.displaySafe)'"
                    + (layer.compression == nil ? "" : ", decompressed")
            )
        }
        // Of these names alone it is known that they are digests: of the compressed bytes, or of what they hold.
        guard name.hasSuffix(".tar.gz"), let hex = name.dropLast(7).split(separator: "/").last,
            let digest = try? Digest("sha256:\(hex)"), digest != layer.digest, digest != held
        else { return }
        throw Self.otherBytes(name, digest, layer.digest)
    }

    private static func parse(_ bytes: ByteBuffer, _ name: String) throws(ArchiveRefusal) -> JSONValue {
        do throws(DocumentError) {
            return try JSONValue(parsing: bytes)
        } catch {
            throw ArchiveRefusal(name, "is \(error)")
        }
    }

    /// The same bytes for the same config and layers.
    private static func manifest(_ config: File, _ layers: [File]) throws -> Manifest {
        let layerTexts = try layers.map { layer in
            switch layer.compression {
            case nil: text(layer, "application/vnd.oci.image.layer.v1.tar")
            case .gzip: text(layer, "application/vnd.oci.image.layer.v1.tar+gzip")
            case .zstd: text(layer, "application/vnd.oci.image.layer.v1.tar+zstd")
            case let other?: throw ArchiveRefusal("one of its layers is compressed with \(other.rawValue)")
            }
        }
        let json =
            #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociManifest)","config":"#
            + text(config, "\(MediaType.ociConfig)") + #","layers":["# + layerTexts.joined(separator: ",") + "]}"
        return try Manifest(bytes: ByteBuffer(string: json), contentType: nil)
    }

    private static func text(_ file: File, _ type: String) -> String {
        #"{"mediaType":"\#(type)","digest":"\#(file.digest)","size":\#(file.size)}"#
    }
}

extension JSONValue {
    /// The elements of a list as Go writes it: an empty one may be `null` or absent.
    ///
    /// - Returns: `nil` for what is no list.
    func list(_ key: String) -> [JSONValue]? { self[key].map(\.elements) ?? [] }
}
