import Logging
import NIOCore
import NIOHTTP1
package import OCI

extension Repository {
    private static let accept = MediaType.manifests.map(\.description).joined(separator: ", ")

    /// What a reference stands for at the moment, without fetching it.
    ///
    /// OCI distribution-spec 1.1.1, end-3 with HEAD; GET where the registry has no HEAD or its answer says too little.
    ///
    /// - Returns: `nil` when there is no such manifest.
    package func resolve(_ reference: Reference) async throws -> Descriptor? {
        var call = call(.resolve, .HEAD, "manifests/\(reference)")
        call.headers = ["Accept": Self.accept]
        let answer = try await connection.fetch(call, accepting: [200, 404, 405, 501])
        if answer.status == 404 { return nil }
        if answer.status == 200, let descriptor = Self.descriptor(answer, reference) { return descriptor }
        return try await manifest(reference)?.descriptor
    }

    /// The manifest that a reference stands for.
    ///
    /// OCI distribution-spec 1.1.1, end-3. The digest is computed from the bytes; what the registry says of it, and
    /// the reference if it is a digest, must agree.
    ///
    /// - Returns: `nil` when there is no such manifest.
    package func manifest(_ reference: Reference) async throws -> Manifest? {
        try await read(reference, expected: nil, action: .readManifest)
    }

    package func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        guard let manifest = try await read(.digest(descriptor.digest), expected: descriptor, action: .readManifest)
        else {
            throw CallContext(action: .readManifest, location: location)
                .error(.notFound, "\(descriptor.digest) is not there", status: 404)
        }
        return manifest
    }

    package func store(_ manifest: Manifest, as tag: TagName?) async throws {
        let reference = tag.map(Reference.tag) ?? .digest(manifest.descriptor.digest)
        var call = call(.storeManifest, .PUT, "manifests/\(reference)")
        call.headers = ["Content-Type": manifest.descriptor.mediaType.description]
        call.body = .bytes(manifest.bytes)
        let answer = try await connection.fetch(call, accepting: [200, 201, 202, 204])
        warn(ifUnusual: answer)
        try check(answer, against: manifest.descriptor.digest, call.context)
    }
}

extension Repository {
    private static func descriptor(_ answer: Answer, _ reference: Reference) -> Descriptor? {
        guard let digest = answer.header("Docker-Content-Digest").flatMap({ try? Digest($0) }),
            let type = answer.header("Content-Type").flatMap({ try? MediaType($0) }), type.isManifest,
            let size = answer.header("Content-Length").flatMap({ Int64($0) })
        else { return nil }
        if case .digest(let wanted) = reference, wanted != digest { return nil }
        return Descriptor(mediaType: type, digest: digest, size: size)
    }

    private func read(
        _ reference: Reference,
        expected: Descriptor?,
        action: RegistryError.Action
    ) async throws -> Manifest? {
        var call = call(action, .GET, "manifests/\(reference)")
        call.headers = ["Accept": Self.accept]
        call.limit = Manifest.maximumSize
        return try await connection.retrier.run(call.context) { () async throws -> Manifest? in
            let answer = try await connection.attempt(call, accepting: [200, 404])
            if answer.status == 404 { return nil }
            let manifest = try document(
                answer,
                expected: expected,
                algorithm: reference.algorithm(answer),
                call.context
            )
            if case .digest(let digest) = reference, manifest.descriptor.digest != digest {
                throw call.context.error(.digestMismatch, "asked for \(digest), got \(manifest.descriptor.digest)")
            }
            return manifest
        }
    }

    private func document(
        _ answer: Answer,
        expected: Descriptor?,
        algorithm: Digest.Algorithm,
        _ context: CallContext
    ) throws(RegistryError) -> Manifest {
        guard !answer.isCut else {
            throw context.error(.tooLarge, "the manifest has more than \(Manifest.maximumSize) bytes")
        }
        let type = answer.header("Content-Type").flatMap { try? MediaType($0) }
        guard type?.description != "text/html" else {
            var error = context.error(
                .protocolViolation,
                "the answer is a web page; a proxy or a login page may stand between",
                status: answer.status
            )
            error.isRetriedOnce = true
            throw error
        }
        let manifest: Manifest
        do {
            manifest = try Manifest(bytes: answer.body, contentType: type, expected: expected, algorithm: algorithm)
        } catch {
            // What cannot be read is worth one more try when the registry itself says that it has other bytes.
            let came = Digest.of(answer.body, algorithm: expected?.digest.algorithm ?? algorithm)
            try check(answer, against: came, context)
            throw context.error(Self.kind(error), error.reason, cause: error)
        }
        try check(answer, against: manifest.descriptor.digest, context)
        return manifest
    }

    /// Compares what the registry says of the digest; another algorithm says nothing.
    func check(_ answer: Answer, against digest: Digest, _ context: CallContext) throws(RegistryError) {
        guard let said = answer.header("Docker-Content-Digest").flatMap({ try? Digest($0) }),
            said.algorithm == digest.algorithm, said != digest
        else { return }
        throw context.error(.digestMismatch, "the registry calls the bytes \(said), but they are \(digest)")
    }

    func warn(ifUnusual answer: Answer) {
        guard answer.status != 201 else { return }
        connection.retrier.logger.debug(
            "a push was accepted with an unusual status",
            metadata: ["place": "\(place)", "status": "\(answer.status)"]
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
    fileprivate func algorithm(_ answer: Answer) -> Digest.Algorithm {
        if case .digest(let digest) = self { return digest.algorithm }
        return answer.header("Docker-Content-Digest").flatMap { try? Digest($0) }?.algorithm ?? .sha256
    }
}
