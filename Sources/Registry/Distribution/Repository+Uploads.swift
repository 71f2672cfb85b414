import NIOHTTP1
package import OCI

/// An upload that a registry has opened and waits for.
package struct UploadPlace: Hashable, Sendable {
    /// Where the next request of the session goes.
    let url: HTTPURL
    /// The least size of a chunk, in bytes, when the registry names one.
    let minimumChunk: Int64
}

/// What asking a registry to take a blob over from another of its repositories came to.
package enum MountOutcome: Hashable, Sendable {
    /// The blob is there now.
    case mounted
    /// It must be sent; into the session that the registry opened instead, if it did.
    case refused(UploadPlace?)
}

extension Repository {
    /// Asks the registry to take a blob over from another of its repositories.
    ///
    /// OCI distribution-spec 1.1.1, end-11. Best effort: whatever goes wrong leads to a plain upload, in the session
    /// that the registry opened instead, if it did.
    package func mount(_ descriptor: Descriptor, from source: RepositoryName) async throws -> MountOutcome {
        let context = context(.mountBlob)
        let query = "mount=\(descriptor.digest.description.percentEncoded)&from=\(source.description.percentEncoded)"
        var request = request(context, .POST, "blobs/uploads/", query: query)
        request.scope = Scope(repository: location.repository, access: access, source: source)
        request.accepted = [201, 202]
        do {
            let response = try await client.attempt(request)
            guard response.status == 202 else {
                client.note(mounted: descriptor.digest, in: location.repository)
                return .mounted
            }
            return .refused(try? place(response, context))
        } catch is RegistryError {
            return .refused(nil)
        }
    }

    package func store(_ blob: any BlobReader) async throws -> StoreOutcome {
        try await store(blob, session: nil)
    }

    /// Stores a blob, by mounting it where another repository of the registry is known to hold it.
    ///
    /// What has been mounted here before is sent: who asks again has found that it is not there.
    package func store(_ blob: any BlobReader, mountFrom source: RepositoryName?) async throws -> StoreOutcome {
        guard let source, source != location.repository,
            !client.hasMounted(blob.descriptor.digest, in: location.repository)
        else { return try await store(blob, session: nil) }
        switch try await mount(blob.descriptor, from: source) {
        case .mounted: return .mounted(from: source)
        case .refused(let session): return try await store(blob, session: session)
        }
    }

    /// Stores a blob in a session that is open already, from a refused mount; `nil` opens one.
    ///
    /// What the reader throws is thrown as it is.
    package func store(_ blob: any BlobReader, session: UploadPlace?) async throws -> StoreOutcome {
        var upload = BlobUpload(blob: blob, place: session, repository: self)
        return .stored(bytes: try await upload.run())
    }

    /// Reads where an accepted upload goes on.
    func place(
        _ response: HTTPResponse,
        _ context: CallContext,
        minimumChunk: Int64 = 0
    ) throws(RegistryError) -> UploadPlace {
        guard let text = response.header("Location"), let url = response.url.resolving(text) else {
            throw context.error(
                .protocolViolation,
                "the registry accepts an upload, but does not say where",
                status: response.status
            )
        }
        let least = response.header("OCI-Chunk-Min-Length").flatMap { Int64($0) } ?? minimumChunk
        return UploadPlace(url: url, minimumChunk: max(0, least))
    }
}
