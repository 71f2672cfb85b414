package import NIOCore
package import OCI

/// An image, index or artifact that is made from seeds: the same arguments give the same bytes.
package struct SampleImage: Sendable {
    /// Some content and its descriptor.
    package struct Part: Sendable {
        package let descriptor: Descriptor
        package let source: ByteSource
    }

    /// Whose media types are used.
    package enum Format: Sendable {
        case oci
        case docker
    }

    /// One layer; equal seeds and sizes give the same layer.
    package struct Layer: Sendable, Hashable {
        package let seed: UInt64
        package let size: Int

        package init(seed: UInt64, size: Int) {
            self.seed = seed
            self.size = size
        }
    }

    /// Configs and layers, each once.
    package let blobs: [Part]
    /// Manifests and indexes, children before their parents; the image itself comes last.
    package let manifests: [Part]
    /// What it is for, where that is known; an index's descriptor of it says so.
    package var platform: Platform?
    /// What a parent's descriptor of it carries.
    package var descriptorAnnotations: [String: String] = [:]

    /// The image's own descriptor.
    package let top: Descriptor

    init(blobs: [Part], manifests: [Part], top: Part, platform: Platform?) {
        var seen: Set<Digest> = []
        self.blobs = blobs.filter { seen.insert($0.descriptor.digest).inserted }
        self.manifests = (manifests + [top]).filter { seen.insert($0.descriptor.digest).inserted }
        self.platform = platform
        self.top = top.descriptor
    }
}

extension SampleImage {
    package var digest: Digest { top.digest }

    /// The bytes of the image's own manifest or index.
    package var topBytes: ByteBuffer { manifests.last?.source.buffer ?? ByteBuffer() }

    /// Every blob's bytes, in memory.
    package var blobBytes: [Descriptor: ByteBuffer] {
        Dictionary(uniqueKeysWithValues: blobs.map { ($0.descriptor, $0.source.buffer) })
    }

    /// Every manifest's bytes.
    package var manifestBytes: [Descriptor: ByteBuffer] {
        Dictionary(uniqueKeysWithValues: manifests.map { ($0.descriptor, $0.source.buffer) })
    }

    /// The layers' and configs' total size, in bytes.
    package var blobSize: Int64 { blobs.reduce(0) { $0 + $1.descriptor.size } }
}

extension RegistryStore {
    /// Puts a whole image into a repository.
    package func load(_ image: SampleImage, repository: RepositoryName, tag: TagName? = nil) {
        for blob in image.blobs { putBlob(.bytes(blob.source), blob.descriptor.digest, in: repository) }
        for manifest in image.manifests {
            let stored = StoredManifest(mediaType: manifest.descriptor.mediaType, bytes: manifest.source)
            put(stored, manifest.descriptor.digest, in: repository)
        }
        if let tag { self.tag(tag, image.digest, in: repository) }
    }

    /// Whether a repository holds all of an image, byte for byte as it counts.
    package func holds(_ image: SampleImage, repository: RepositoryName) -> Bool {
        image.blobs.allSatisfy { blob($0.descriptor.digest, in: repository)?.count == $0.source.count }
            && image.manifests.allSatisfy { part in
                manifest(part.descriptor.digest, in: repository)?.bytes.buffer == part.source.buffer
            }
    }
}

extension ScriptedRegistry {
    /// Puts a whole image into a repository.
    package func load(_ image: SampleImage, repository: RepositoryName, tag: TagName? = nil) {
        store.load(image, repository: repository, tag: tag)
    }
}
