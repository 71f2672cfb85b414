import Logging
import NIOCore
import NIOHTTP1
import OCI

/// What a repository says of one manifest, and the manifest itself.
struct ManifestQuestion {
    private static let accept = MediaType.manifests.map(\.description).joined(separator: ", ")
    /// To a HEAD: where it is refused, or says that nothing is there, a GET may be answered.
    private static let headAnswers = Set([Int](200..<300) + (400..<600)).filter(RegistryError.isLasting)

    let context: CallContext
    private let repository: Repository
    private let reference: Reference
    private let expected: Descriptor?

    init(
        _ repository: Repository,
        _ reference: Reference,
        _ action: RegistryError.Action,
        expected: Descriptor? = nil
    ) {
        self.repository = repository
        self.reference = reference
        self.expected = expected
        context = repository.context(action)
    }

    func descriptor() async throws -> Descriptor? { try await told()?.descriptor }

    /// What HEAD says, and the manifest where only GET does.
    func told() async throws -> ToldManifest? {
        var request = request(.HEAD)
        request.accepted = Self.headAnswers
        let response: HTTPResponse
        do {
            response = try await repository.client.fetch(request)
        } catch let error as RegistryError where error.isFailureOfHEAD {
            do { return try await manifest().map { ToldManifest($0) } } catch is RegistryError { throw error }
        }
        // Who names no way to be asked may name one to a GET.
        let isChallenged = response.header("WWW-Authenticate") != nil || response.authorization.header != nil
        if response.status == 401, isChallenged { throw RegistryError(response, context) }
        if response.status == 404, repository.access == .push { return nil }
        if response.status == 200, let descriptor = descriptor(response) {
            if case .tag = reference, descriptor.mediaType.isIndex { repository.client.headWord.heardIndex() }
            return ToldManifest(descriptor)
        }
        return try await manifest().map { ToldManifest($0) }
    }

    /// What a single HEAD says; `nil` where that says nothing of use.
    func glance() async throws -> Digest? {
        let response = try await repository.client.attempt(request(.HEAD))
        return descriptor(response)?.digest
    }

    func manifest() async throws -> Manifest? {
        var request = request(.GET)
        request.limit = Manifest.maximumSize
        request.accepted = [200, 404]
        return try await repository.client.retry.run(context) {
            let response = try await repository.client.attempt(request)
            guard response.status == 404 else { return try document(response) }
            guard let expected else { return nil }
            // Registries lag behind themselves: an index can be there before its images.
            var error = context.error(.notFound, "\(expected.digest) is not there", status: 404)
            error.isRetriedOnce = !context.budget.hasAlternative
            throw error
        }
    }

    private func request(_ method: HTTPMethod) -> HTTPRequest {
        var request = repository.request(context, method, "manifests/\(reference)")
        request.headers = ["Accept": Self.accept]
        return request
    }

    private func descriptor(_ response: HTTPResponse) -> Descriptor? {
        // Some count the body that an answer to HEAD lacks.
        guard response.hasIdentityCoding, let digest = response.saidDigest,
            let size = response.contentLength, size > 0,
            let type = response.header("Content-Type").flatMap({ try? MediaType($0) }), type.isManifest
        else { return nil }
        if case .digest(let wanted) = reference, wanted != digest { return nil }
        return Descriptor(mediaType: type, digest: digest, size: size)
    }

    private func document(_ response: HTTPResponse) throws(RegistryError) -> Manifest {
        guard !response.isCut else {
            throw context.error(.tooLarge, "the manifest has more than \(Manifest.maximumSize) bytes")
        }
        guard !response.isWebPage else { throw context.notUnderstood(response, "") }
        let algorithm = expected?.digest.algorithm ?? algorithm(response)
        let manifest: Manifest
        do {
            manifest = try Manifest(
                bytes: response.bytes,
                contentType: response.header("Content-Type").flatMap { try? MediaType($0) },
                expected: expected,
                algorithm: algorithm
            )
        } catch {
            try response.checkErrors(context)
            // What cannot be read is worth one more try when the registry itself says that it has other bytes.
            try response.check(against: Digest.of(response.bytes, algorithm: algorithm), context)
            var failure = context.error(Self.kind(error), error.reason, cause: error)
            failure.isRetriedOnce = error.kind == .syntax
            throw failure
        }
        try response.check(against: manifest.descriptor.digest, context)
        if case .digest(let digest) = reference, manifest.descriptor.digest != digest {
            throw context.error(.digestMismatch, "asked for \(digest), got \(manifest.descriptor.digest)")
        }
        return manifest
    }

    /// Which digest names the manifest: the one asked for; for a tag the registry says, else sha256.
    private func algorithm(_ response: HTTPResponse) -> Digest.Algorithm {
        if case .digest(let digest) = reference { return digest.algorithm }
        return response.saidDigest?.algorithm ?? .sha256
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

extension HTTPResponse {
    var saidDigest: Digest? { header("Docker-Content-Digest").flatMap { try? Digest($0) } }

    /// Whether the registry calls what it has taken by a digest of the manifest's bytes.
    func names(_ manifest: Manifest) -> Bool { saidDigest.map(manifest.isNamed) ?? false }

    /// Compares what the registry says of the digest; another algorithm says nothing.
    func check(against digest: Digest, _ context: CallContext) throws(RegistryError) {
        guard let said = saidDigest, said.algorithm == digest.algorithm, said != digest else { return }
        throw context.error(.digestMismatch, "the registry calls the bytes \(said), but they are \(digest)")
    }

    /// Whether an answer has errors in the form of the specification.
    var saysErrors: Bool { (try? JSONValue(parsing: bytes))?["errors"] != nil }

    /// Looks for a refusal in the specification's words, whose status says that all is well.
    fileprivate func checkErrors(_ context: CallContext) throws(RegistryError) {
        guard (try? JSONValue(parsing: bytes))?["errors"]?.elements?.isEmpty == false else { return }
        throw RegistryError(self, context)
    }

    /// Whether an accepted push has really been taken: who stands in between may say so with a page of its own.
    func confirm(_ digest: Digest, _ repository: Repository, _ context: CallContext) throws(RegistryError) {
        guard status == 201 || !isWebPage else { throw context.notUnderstood(self, "") }
        try checkErrors(context)
        if status != 201 {
            repository.client.retry.logger.debug(
                "a push was accepted with an unusual status",
                metadata: ["place": "\(repository.place)", "status": "\(status)"]
            )
        }
        try check(against: digest, context)
    }
}
