import Logging
import NIOCore
import NIOHTTP1
package import OCI

extension Repository {
    private static let accept = MediaType.manifests.map(\.description).joined(separator: ", ")

    /// What a reference stands for at the moment, without fetching it.
    ///
    /// OCI distribution-spec 1.1.1, end-3 with HEAD; GET where HEAD is refused or says too little. A source is asked by
    /// GET also before something is called absent: some registries know HEAD for some things only.
    ///
    /// - Returns: `nil` when there is no such manifest.
    package func resolve(_ reference: Reference) async throws -> Descriptor? {
        let context = context(.resolve)
        var request = request(context, .HEAD, "manifests/\(reference)")
        request.headers = ["Accept": Self.accept]
        request.accepted = [200, 403, 404, 405, 406, 412, 501]
        let response = try await client.fetch(request)
        if response.status == 404, access == .push { return nil }
        if response.status == 200, let descriptor = Self.descriptor(response, reference) { return descriptor }
        return try await read(reference, expected: nil, context)?.descriptor
    }

    /// The manifest that a reference stands for.
    ///
    /// OCI distribution-spec 1.1.1, end-3. The digest is computed from the bytes; what the registry says of it, and
    /// the reference if it is a digest, must agree.
    ///
    /// - Returns: `nil` when there is no such manifest.
    package func manifest(_ reference: Reference) async throws -> Manifest? {
        try await read(reference, expected: nil, context(.readManifest))
    }

    package func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        let context = context(.readManifest)
        guard let manifest = try await read(.digest(descriptor.digest), expected: descriptor, context) else {
            throw context.error(.notFound, "\(descriptor.digest) is not there", status: 404)
        }
        return manifest
    }

    package func store(_ manifest: Manifest, as tag: TagName?) async throws {
        _ = try await put(manifest, as: tag)
    }

    /// Stores a manifest that refers to another.
    ///
    /// OCI distribution-spec 1.1.1, "Pushing Manifests with Subject".
    ///
    /// - Returns: whether the registry lists it among the subject's referrers itself (`OCI-Subject`).
    package func storeReferrer(_ manifest: Manifest, as tag: TagName?) async throws -> Bool {
        let response = try await put(manifest, as: tag)
        guard let subject = manifest.subject else { return false }
        return response.header("OCI-Subject").flatMap { try? Digest($0) } == subject.digest
    }
}

extension Repository {
    private static func descriptor(_ response: HTTPResponse, _ reference: Reference) -> Descriptor? {
        guard let digest = response.header("Docker-Content-Digest").flatMap({ try? Digest($0) }),
            let type = response.header("Content-Type").flatMap({ try? MediaType($0) }), type.isManifest,
            let size = response.contentLength
        else { return nil }
        if case .digest(let wanted) = reference, wanted != digest { return nil }
        return Descriptor(mediaType: type, digest: digest, size: size)
    }

    private func read(
        _ reference: Reference,
        expected: Descriptor?,
        _ context: CallContext
    ) async throws -> Manifest? {
        var request = request(context, .GET, "manifests/\(reference)")
        request.headers = ["Accept": Self.accept]
        request.limit = Manifest.maximumSize
        request.accepted = [200, 404]
        return try await client.retry.run(context) { () async throws -> Manifest? in
            let response = try await client.attempt(request)
            if response.status == 404 { return nil }
            let manifest = try document(
                response,
                expected: expected,
                algorithm: reference.algorithm(response),
                context
            )
            if case .digest(let digest) = reference, manifest.descriptor.digest != digest {
                throw context.error(.digestMismatch, "asked for \(digest), got \(manifest.descriptor.digest)")
            }
            return manifest
        }
    }

    private func document(
        _ response: HTTPResponse,
        expected: Descriptor?,
        algorithm: Digest.Algorithm,
        _ context: CallContext
    ) throws(RegistryError) -> Manifest {
        guard !response.isCut else {
            throw context.error(.tooLarge, "the manifest has more than \(Manifest.maximumSize) bytes")
        }
        guard !response.isWebPage else { throw context.notUnderstood(response, "") }
        let type = response.header("Content-Type").flatMap { try? MediaType($0) }
        let manifest: Manifest
        do {
            manifest = try Manifest(
                bytes: response.bytes,
                contentType: type,
                expected: expected,
                algorithm: algorithm
            )
        } catch {
            // What cannot be read is worth one more try when the registry itself says that it has other bytes.
            let came = Digest.of(response.bytes, algorithm: expected?.digest.algorithm ?? algorithm)
            try check(response, against: came, context)
            throw context.error(Self.kind(error), error.reason, cause: error)
        }
        try check(response, against: manifest.descriptor.digest, context)
        return manifest
    }

    /// Compares what the registry says of the digest; another algorithm says nothing.
    func check(_ response: HTTPResponse, against digest: Digest, _ context: CallContext) throws(RegistryError) {
        guard let said = response.header("Docker-Content-Digest").flatMap({ try? Digest($0) }),
            said.algorithm == digest.algorithm, said != digest
        else { return }
        throw context.error(.digestMismatch, "the registry calls the bytes \(said), but they are \(digest)")
    }

    func warn(ifUnusual response: HTTPResponse) {
        guard response.status != 201 else { return }
        client.retry.logger.debug(
            "a push was accepted with an unusual status",
            metadata: ["place": "\(place)", "status": "\(response.status)"]
        )
    }

    private static func kind(_ error: DocumentError) -> RegistryError.Kind {
        switch error.kind {
        case .digestMismatch: .digestMismatch
        case .tooLarge: .tooLarge
        case .unsupported: .unsupported
        case .syntax, .structure, .confusion: .protocolViolation
        }
    }
}

extension Reference {
    /// Which digest names the manifest: the one asked for; for a tag the registry says, else sha256.
    fileprivate func algorithm(_ response: HTTPResponse) -> Digest.Algorithm {
        if case .digest(let digest) = self { return digest.algorithm }
        return response.header("Docker-Content-Digest").flatMap { try? Digest($0) }?.algorithm ?? .sha256
    }
}
