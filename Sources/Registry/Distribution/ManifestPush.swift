import NIOHTTP1
import OCI

/// Stores a manifest's exact bytes.
///
/// OCI distribution-spec 1.1.1, end-7.
struct ManifestPush {
    /// How a push has ended well.
    enum Outcome {
        case taken(HTTPResponse)
        /// The answer was lost, and the registry turned out to hold the manifest.
        case seen
        /// The registry takes it no second time, as it has it.
        case held
    }

    private let manifest: Manifest
    private let tag: TagName?
    private let repository: Repository
    private let context: CallContext

    init(_ manifest: Manifest, as tag: TagName?, to repository: Repository) {
        self.manifest = manifest
        self.tag = tag
        self.repository = repository
        context = repository.context(.storeManifest)
    }

    func run() async throws -> Outcome {
        let digest = manifest.descriptor.digest
        guard let tag, digest.algorithm != .sha256 else {
            return try await store(at: tag.map(Reference.tag) ?? .digest(digest))
        }
        // Under its tag alone the registry would call it by a digest of its own choice.
        do {
            let outcome = try await store(at: .digest(digest), as: tag)
            if case .taken(let response) = outcome, response.headers["OCI-Tag"].contains(tag.description) {
                return outcome
            }
        } catch let error as RegistryError where error.mayBeRefusalOfDigest {
            context.budget.progressed()
        }
        return try await store(at: .tag(tag))
    }

    private func store(at reference: Reference, as tag: TagName? = nil) async throws -> Outcome {
        let outcome = try await offer(at: reference, as: tag)
        // Some store it in another form, or not at all, and say nothing of it.
        if case .taken(let response) = outcome, !response.names(manifest) {
            try await confirmPatiently(at: reference)
        }
        return outcome
    }

    private func offer(at reference: Reference, as tag: TagName?) async throws -> Outcome {
        var request = repository.request(context, .PUT, "manifests/\(reference)", query: tag.map { "tag=\($0)" })
        request.headers = ["Content-Type": manifest.descriptor.mediaType.description]
        request.body = .bytes(manifest.bytes)
        request.accepted = [200, 201, 202, 204]
        var mayBeStored = false
        return try await repository.client.retry.run(context) {
            var isAccepted = false
            do {
                let response = try await repository.client.attempt(request)
                isAccepted = true
                try response.confirm(manifest.descriptor.digest, repository, context)
                return .taken(response)
            } catch var error as RegistryError {
                // What refers to something is first stored again, as the answer tells whether the registry lists it.
                let looks = context.budget.isAtLastTry || manifest.subject == nil && !mayBeStored
                if looks, error.mayHideSuccess, try await isSeen(at: reference) { return .seen }
                if error.isDenial, mayBeStored || reference.isTag && !error.isIgnoranceOfContent {
                    let isHeld = try await isHeld(at: reference)
                    // What an earlier try has brought was not there before.
                    if isHeld == true { return mayBeStored ? .seen : .held }
                    error.isUntold = isHeld == nil && error.kind != .unauthorized
                }
                mayBeStored = mayBeStored || isAccepted || error.isBeforeAnswer || error.isOutage && !error.isConnecting
                // A tag is written by whatever comes in its place.
                error.isUnconfirmed = mayBeStored && (tag != nil || reference.isTag)
                error.isLag = error.isIgnoranceOfContent && (tag == nil || !error.mayBeRefusalOfDigest)
                // Some that say they have taken a blob in one request may have looked at the request alone.
                if error.isLag { repository.client.wholeUploads.learn(areTaken: false) }
                throw error
            }
        }
    }

    /// Whether the manifest is there although a gateway said otherwise, or hung up, or nothing was said of it.
    private func isSeen(at reference: Reference) async throws -> Bool {
        let question = ManifestQuestion(repository, reference, .readManifest)
        var seen: Digest?
        do {
            seen = try await question.glance()
        } catch let error as RegistryError where error.status == 404 {
            // Some know no HEAD of what they have.
            seen = try? await question.manifest()?.descriptor.digest
        } catch is RegistryError {}
        try Task.checkCancellation()
        return seen.map(manifest.isNamed) ?? false
    }

    /// Whether the manifest is there although it was refused: where tags cannot be written twice.
    ///
    /// - Returns: `nil` where the registry does not want to tell; no answer is no such word, and the refusal stands.
    private func isHeld(at reference: Reference) async throws -> Bool? {
        do {
            let question = ManifestQuestion(repository, reference, .readManifest)
            var held = try await question.descriptor()
            if held == nil { held = try await question.manifest()?.descriptor }
            return held.map { manifest.isNamed(by: $0.digest) } ?? false
        } catch let error as RegistryError {
            return error.isDenial ? nil : false
        }
    }

    /// Copies between a registry's machines may take more time than one budget has.
    private func confirmPatiently(at reference: Reference) async throws {
        let retry = repository.client.retry
        do {
            try await retry.run(repository.context(.storeManifest)) { try await confirm(at: reference) }
        } catch let error as RegistryError where error.isLag {
            try await retry.run(context) { try await confirm(at: reference) }
        }
    }

    /// Looks whether the registry shows what it has taken.
    ///
    /// - Throws: `RegistryError` where it shows something else, which may be a lag, or where there is no answer of use. That it
    ///   refuses to tell is no error.
    private func confirm(at reference: Reference) async throws {
        let question = ManifestQuestion(repository, reference, .readManifest)
        let told = try? await question.glance()
        try Task.checkCancellation()
        if told.map(manifest.isNamed) == true { return }
        let shown: Manifest?
        let meaning: RegistryError.Kind?
        do {
            shown = try await question.manifest()
            guard shown?.bytes != manifest.bytes else { return }
            meaning = try await shown == nil ? self.meaning(ofNothingAt: reference) : .digestMismatch
        } catch let error as RegistryError where error.isDenial {
            return
        } catch var error as RegistryError {
            error.action = .storeManifest
            error.detail = "it was taken, but whether it is there cannot be told: \(error.detail)"
            error.isUnconfirmed = true
            throw error
        }
        guard let kind = meaning else { return }
        let (name, digest) = (manifest.descriptor.digest, shown?.descriptor.digest)
        var error = context.error(
            kind,
            "it was taken as \(name), but \(digest.map { "\($0)" } ?? "nothing") stands under \(reference) then"
        )
        (error.isLag, error.isUnconfirmed) = (true, true)
        throw error
    }
}

extension ManifestPush {
    /// What it means that nothing is shown under a tag; `nil` where that says nothing, as who may only push may be told of
    /// everything that it is not there.
    ///
    /// - Throws: `RegistryError` where there is no answer.
    private func meaning(ofNothingAt reference: Reference) async throws -> RegistryError.Kind? {
        guard case .tag(let tag) = reference, let part = manifest.references.first else { return nil }
        do {
            if try await shows(part) { return .protocolViolation }
            // Who is told of other tags would be told of this one, and of what it lacks.
            guard let tags = try await repository.tags(), !tags.isEmpty, !tags.contains(tag) else { return nil }
            return .blobUnknown([part.digest])
        } catch let error as RegistryError where !error.isOutage {
            return nil
        }
    }

    private func shows(_ part: Descriptor) async throws -> Bool {
        guard part.mediaType.isManifest else { return try await repository.contains(part) }
        return try await ManifestQuestion(repository, .digest(part.digest), .readManifest).manifest() != nil
    }
}

extension Reference {
    fileprivate var isTag: Bool { if case .tag = self { true } else { false } }
}
