import Cache
import NIOCore
import OCI
import Registry

/// A source of images as a server needs it that stands in front of it.
///
/// Questions and content go by two clients, so that an answer need not wait until a blob has come.
struct SourceUpstream: Upstream {
    /// Fails soon: somebody waits for the answer, and may have an older one.
    let questions: any ImageSource
    /// Fails as soon: it has not answered yet, and who waits for the blob may have somewhere else to go.
    let opening: any ImageSource
    /// Perseveres: who waits has been told that the blob comes.
    let content: any ImageSource
    let cache: ContentCache?

    var place: String { content.place }
    var origin: RepositoryReference? { content.origin }
    var isHeldBack: Bool { content.isHeldBack }
    var isLeftAlone: Bool { (content as? MirroredSource)?.isLeftAlone ?? false }

    func resolve(
        _ tag: TagName,
        doubting doubt: @Sendable (Descriptor) async throws -> TagDoubt
    ) async throws -> ToldManifest? {
        try await askingHost { try await $0.resolve(.tag(tag), doubting: doubt) }
    }

    func manifest(_ reference: Reference) async throws -> Manifest? {
        guard case .tag = reference else {
            return try await UpstreamError.mapping { try await questions.manifest(reference) }
        }
        return try await askingHost { try await $0.manifest(reference) }
    }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        try await UpstreamError.mapping { try await questions.manifest(descriptor) }
    }

    func size(ofBlob digest: Digest, named: Int64?) async throws -> Int64? {
        try await UpstreamError.mapping { try await questions.blobSize(digest, named: named) }
    }

    func tags() async throws -> [TagName]? {
        try await askingHost { try await $0.tags() }
    }

    func referrers(of digest: Digest, knowing known: [Digest]) async throws -> UpstreamReferrers {
        try await UpstreamError.mapping {
            let interface = ReferrerInterface(source: questions, cache: cache)
            let answer = try await interface.answers(to: [digest])[0]
            if case .listed(let listed) = answer { return try await completing(listed, of: digest, known) }
            let tagged = try await manifest(.tag(digest.referrersTag))
            if let tagged, let listed = ReferrerEntry.listed(by: tagged, of: digest) {
                return UpstreamReferrers(listed, isWhole: !answer.isUntold)
            }
            // Who does not tell may have some all the same.
            switch answer {
            case .untold(let error), .withheld(let error): throw error
            case .listed, .lacking, .passedOver:
                return UpstreamReferrers([], isWhole: !answer.isUntold && tagged == nil)
            }
        }
    }

    /// What the interface lists, with what the tag does that may stand in for it, where more was known.
    private func completing(
        _ listed: [ReferrerEntry],
        of digest: Digest,
        _ known: [Digest]
    ) async throws -> UpstreamReferrers {
        let told = Set(listed.map(\.descriptor.digest))
        guard !told.isSuperset(of: known) else { return UpstreamReferrers(listed) }
        do {
            let tagged = try await manifest(.tag(digest.referrersTag))
            let others = tagged.flatMap { ReferrerEntry.listed(by: $0, of: digest) } ?? []
            return UpstreamReferrers(listed, others: others.map(\.descriptor).filter { !told.contains($0.digest) })
        } catch let error where !error.isCancellation {
            return UpstreamReferrers(listed, isWhole: false)
        }
    }

    func standIn(after error: UpstreamError) -> (any Upstream)? {
        guard error.isPassing, (error.cause as? RegistryError)?.isUnreachable != false,
            let questions = mirrors(questions, error), let opening = mirrors(opening, error),
            let content = mirrors(content, error)
        else { return nil }
        return SourceUpstream(questions: questions, opening: opening, content: content, cache: cache)
    }

    private func mirrors(_ source: any ImageSource, _ error: UpstreamError) -> MirroredSource? {
        guard var mirrors = source as? MirroredSource else { return nil }
        mirrors.refusal = error
        return mirrors
    }

    /// Asks about tags; of a host with mirrors the host alone, as their word may be older than what who asks has.
    private func askingHost<Answer>(_ ask: (any ImageSource) async throws -> Answer) async throws -> Answer {
        try await UpstreamError.mapping {
            guard let mirrored = questions as? MirroredSource, mirrored.refusal == nil else {
                return try await ask(questions)
            }
            return try await mirrored.hearingHost { try await ask(mirrored.host) }
        }
    }

    func wasRight(_ digest: Digest) { content.wasRight(digest) }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead scratch: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        var position = offset
        // Then somebody has been told that the blob comes.
        var hasAnswered = false
        do {
            return try await UpstreamError.mapping {
                try await opening.readBlob(descriptor, from: offset, ahead: scratch) { piece in
                    hasAnswered = true
                    position += Int64(piece.readableBytes)
                    try await deliver(piece)
                }
            }
        } catch let error as UpstreamError where error.isPassing && hasAnswered {
            try await UpstreamError.mapping {
                try await content.readBlob(descriptor, from: position, ahead: scratch, deliver: deliver)
            }
        }
    }
}
