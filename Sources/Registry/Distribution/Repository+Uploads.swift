import NIOHTTP1
package import OCI

/// An upload that a registry has opened and waits for.
package struct UploadSession: Hashable, Sendable {
    /// Where the next request of the session goes.
    let address: HTTPURL
    /// The least size of a chunk, in bytes, when the registry names one.
    let minimumChunk: Int64
}

/// What asking a registry to take a blob over from another of its repositories came to.
package enum MountOutcome: Hashable, Sendable {
    /// The blob is there now.
    case mounted
    /// It must be sent; into the session that the registry opened instead, if it did.
    case refused(UploadSession?)
}

extension Repository {
    /// Asks the registry to take a blob over from another of its repositories.
    ///
    /// OCI distribution-spec 1.1.1, end-11. A refusal is not an error; its session must be used or is left to expire.
    package func mount(_ descriptor: Descriptor, from source: RepositoryName) async throws -> MountOutcome {
        let query = "mount=\(descriptor.digest.description.percentEncoded)&from=\(source.description.percentEncoded)"
        let plain = call(.mountBlob, .POST, "blobs/uploads/", query: query)
        let call = Call(
            context: plain.context,
            scope: Scope(repository: location.repository, access: access, source: source),
            method: plain.method,
            target: plain.target
        )
        do {
            let answer = try await connection.fetch(call, accepting: [201, 202])
            return answer.status == 201 ? .mounted : .refused(try? session(answer, call.context))
        } catch let error as RegistryError where error.isRefusalToMount {
            return .refused(nil)
        }
    }

    package func store(_ blob: any BlobReader) async throws -> StoreOutcome {
        try await store(blob, session: nil)
    }

    /// Stores a blob, by mounting it where another repository of the registry is known to hold it.
    package func store(_ blob: any BlobReader, mountFrom source: RepositoryName?) async throws -> StoreOutcome {
        guard let source, source != location.repository else { return try await store(blob, session: nil) }
        switch try await mount(blob.descriptor, from: source) {
        case .mounted: return .mounted(from: source)
        case .refused(let session): return try await store(blob, session: session)
        }
    }

    /// Stores a blob in a session that is open already, from a refused mount; `nil` opens one.
    ///
    /// What the reader throws is thrown as it is.
    package func store(_ blob: any BlobReader, session: UploadSession?) async throws -> StoreOutcome {
        var upload = BlobUpload(blob: blob, session: session, repository: self)
        return .stored(bytes: try await upload.run())
    }

    /// Reads where an accepted upload goes on.
    func session(
        _ answer: Answer,
        _ context: CallContext,
        minimumChunk: Int64 = 0
    ) throws(RegistryError) -> UploadSession {
        guard let text = answer.header("Location"), let address = answer.address.resolving(text) else {
            throw context.error(
                .protocolViolation,
                "the registry accepts an upload, but does not say where",
                status: answer.status
            )
        }
        let least = answer.header("OCI-Chunk-Min-Length").flatMap { Int64($0) } ?? minimumChunk
        return UploadSession(address: address, minimumChunk: max(0, least))
    }
}

extension RegistryError {
    /// Whether a plain upload is the way on: the registry does not mount, or does not mount this.
    fileprivate var isRefusalToMount: Bool {
        switch kind {
        case .unauthorized, .forbidden, .notFound, .unsupported, .rejected, .blobUnknown, .tooLarge: true
        default: false
        }
    }
}
