package import NIOCore
package import OCI
import Synchronization

/// What a registry holds; several ``ScriptedRegistry`` servers may share one.
package final class RegistryStore: Sendable {
    struct Repository: Sendable {
        var tags: [String: Digest] = [:]
        var manifests: [Digest: StoredManifest] = [:]
        var blobs: [Digest: BlobContent] = [:]
    }

    struct State: Sendable {
        var repositories: [String: Repository] = [:]
        var uploads: [String: Upload] = [:]
        var nextUpload = 0
    }

    let state = Mutex(State())

    package init() {}

    /// Stores a manifest or index as it is, without looking into it.
    @discardableResult
    package func put(
        _ bytes: ByteBuffer,
        as mediaType: MediaType = .ociManifest,
        in repository: RepositoryName,
        tag: TagName? = nil
    ) -> Descriptor {
        let descriptor = Descriptor(mediaType: mediaType, bytes: bytes)
        put(StoredManifest(mediaType: mediaType, bytes: ByteSource(bytes)), descriptor.digest, in: repository, tag: tag)
        return descriptor
    }

    /// Stores a manifest under a digest that need not be its own.
    package func put(
        _ manifest: StoredManifest,
        _ digest: Digest,
        in repository: RepositoryName,
        tag: TagName? = nil
    ) {
        state.withLock { state in
            state.repositories[repository.description, default: .init()].manifests[digest] = manifest
            if let tag { state.repositories[repository.description]?.tags[tag.description] = digest }
        }
    }

    /// Stores a blob.
    @discardableResult
    package func putBlob(_ bytes: ByteBuffer, in repository: RepositoryName) -> Descriptor {
        let descriptor = Descriptor(mediaType: .octetStream, bytes: bytes)
        putBlob(.bytes(ByteSource(bytes)), descriptor.digest, in: repository)
        return descriptor
    }

    /// Stores a blob under a digest, which is not verified.
    package func putBlob(_ content: BlobContent, _ digest: Digest, in repository: RepositoryName) {
        state.withLock { $0.repositories[repository.description, default: .init()].blobs[digest] = content }
    }

    /// Makes a tag point at a digest, present or not.
    package func tag(_ tag: TagName, _ digest: Digest, in repository: RepositoryName) {
        state.withLock { $0.repositories[repository.description, default: .init()].tags[tag.description] = digest }
    }

    /// Forgets a blob or manifest; tags that point at it stay.
    package func remove(_ digest: Digest, from repository: RepositoryName) {
        state.withLock { state in
            state.repositories[repository.description]?.blobs[digest] = nil
            state.repositories[repository.description]?.manifests[digest] = nil
        }
    }

    /// Forgets a whole repository.
    package func remove(_ repository: RepositoryName) {
        state.withLock { $0.repositories[repository.description] = nil }
    }
}

extension RegistryStore {
    /// The repository's tags and the digests they point at; empty when there is no such repository.
    package func tags(of repository: RepositoryName) -> [String: Digest] {
        state.withLock { $0.repositories[repository.description]?.tags ?? [:] }
    }

    /// What a tag points at.
    package func digest(of tag: TagName, in repository: RepositoryName) -> Digest? {
        tags(of: repository)[tag.description]
    }

    /// The stored manifest with a digest.
    package func manifest(_ digest: Digest, in repository: RepositoryName) -> StoredManifest? {
        state.withLock { $0.repositories[repository.description]?.manifests[digest] }
    }

    /// The stored manifest that a tag points at.
    package func manifest(_ tag: TagName, in repository: RepositoryName) -> StoredManifest? {
        digest(of: tag, in: repository).flatMap { manifest($0, in: repository) }
    }

    /// The stored blob with a digest.
    package func blob(_ digest: Digest, in repository: RepositoryName) -> BlobContent? {
        state.withLock { $0.repositories[repository.description]?.blobs[digest] }
    }

    /// The digests of all blobs of a repository.
    package func blobs(of repository: RepositoryName) -> Set<Digest> {
        state.withLock { Set($0.repositories[repository.description]?.blobs.keys.map(\.self) ?? []) }
    }

    /// The digests of all manifests and indexes of a repository.
    package func manifests(of repository: RepositoryName) -> Set<Digest> {
        state.withLock { Set($0.repositories[repository.description]?.manifests.keys.map(\.self) ?? []) }
    }

    /// The names of all repositories, sorted.
    package var repositories: [String] { state.withLock { $0.repositories.keys.sorted() } }

    /// How many uploads are open.
    package var openUploads: Int { state.withLock { $0.uploads.count } }
}

extension RegistryStore {
    func uploadedBytes(_ id: String) -> Int { state.withLock { $0.uploads[id]?.count ?? 0 } }

    func append(_ bytes: ByteBuffer, to id: String) {
        state.withLock { $0.uploads[id]?.append(bytes) }
    }

    func truncate(_ id: String, to offset: Int) {
        state.withLock { $0.uploads[id]?.truncate(to: offset) }
    }
}
