import NIOCore
import OCI
import TestSupport

/// A repository in memory that does what a test tells it to, and remembers what it was asked.
final class FakeUpstream: Upstream {
    struct State: Sendable {
        var tags: [TagName: Digest] = [:]
        var manifests: [Digest: Manifest] = [:]
        var blobs: [Digest: ByteBuffer] = [:]
        var referrers: [ReferrerEntry] = []
        /// What it lists besides, for who knows of more than those.
        var otherReferrers: [Descriptor] = []
        /// Whether it lists nothing else.
        var tellsAllReferrers = true
        /// What every request fails with.
        var failure: UpstreamError?
        /// How many bytes of blobs may leave in all; the next one waits.
        var allowance = Int.max
        /// Where a blob's transfer breaks off.
        var breaksAt: Int?
        /// Whether questions wait.
        var isSlow = false
        /// Whether HEAD finds manifests.
        var answersHEAD = true
        /// What HEAD names instead, as far as it is believed.
        var named: Descriptor?
        /// How many bytes more than it has HEAD tells of each blob.
        var exaggeration: Int64 = 0
        /// Whether it says how large a blob is, and not only that it is there.
        var tellsSizes = true
        /// Who stands in for it.
        var mirror: FakeUpstream?
        var requests: [String] = []
        var sent = 0
    }

    let place = "registry.example.com/app"
    var origin: RepositoryReference? { try? RepositoryReference(place) }
    private let state = Watched(State())

    var requests: [String] { state.value.requests }
    /// Bytes of blobs that have left.
    var sent: Int { state.value.sent }

    func change(_ body: (inout State) -> Void) { state.update(body) }

    func wait(until isSatisfied: @escaping @Sendable (State) -> Bool) async throws {
        try await state.wait(until: isSatisfied)
    }

    func load(_ image: SampleImage, as tag: TagName? = nil) throws {
        let manifests = try image.manifests.map { part in
            try Manifest(bytes: part.source.buffer, contentType: part.descriptor.mediaType)
        }
        state.update { state in
            for manifest in manifests { state.manifests[manifest.descriptor.digest] = manifest }
            for blob in image.blobs { state.blobs[blob.descriptor.digest] = blob.source.buffer }
            if let tag { state.tags[tag] = image.digest }
        }
    }

    func resolve(
        _ tag: TagName,
        doubting doubt: @Sendable (Descriptor) async throws -> TagDoubt
    ) async throws -> ToldManifest? {
        let state = try await ask("HEAD \(tag)")
        if let named = state.named {
            guard try await doubt(named) != .unlikely else { return ToldManifest(named) }
            return try await manifest(.tag(tag)).map { ToldManifest($0) }
        }
        let told = state.answersHEAD ? state.tags[tag].flatMap { state.manifests[$0]?.descriptor } : nil
        return told.map { ToldManifest($0) }
    }

    func manifest(_ reference: Reference) async throws -> Manifest? {
        let state = try await ask("GET \(reference)")
        switch reference {
        case .tag(let tag): return state.tags[tag].flatMap { state.manifests[$0] }
        case .digest(let digest): return state.manifests[digest]
        }
    }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        guard let manifest = try await manifest(.digest(descriptor.digest)) else {
            throw UpstreamError(.notFound, "no manifest")
        }
        return manifest
    }

    func size(ofBlob digest: Digest, named: Int64?) async throws -> Int64? {
        let state = try await ask("HEAD \(digest)")
        guard state.tellsSizes || state.blobs[digest] == nil else {
            guard let named else { throw UpstreamError(.unusable, "nobody tells the size") }
            return named
        }
        return state.blobs[digest].map { Int64($0.readableBytes) + state.exaggeration }
    }

    func tags() async throws -> [TagName]? {
        let tags = try await ask("TAGS").tags
        return tags.isEmpty ? nil : Array(tags.keys)
    }

    func referrers(of digest: Digest, knowing known: [Digest]) async throws -> UpstreamReferrers {
        let state = try await ask("REFERRERS \(digest)")
        let isMoreKnown = !Set(state.referrers.map(\.descriptor.digest)).isSuperset(of: known)
        return UpstreamReferrers(
            state.referrers,
            others: isMoreKnown ? state.otherReferrers : [],
            isWhole: state.tellsAllReferrers
        )
    }

    func standIn(after error: UpstreamError) -> (any Upstream)? { error.isPassing ? state.value.mirror : nil }
    var isLeftAlone: Bool { state.value.failure != nil }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead _: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        let state = try await ask("GET \(descriptor.digest) from \(offset)")
        guard let bytes = state.blobs[descriptor.digest] else { throw UpstreamError(.notFound, "no such blob") }
        try await deliver(ByteBuffer())
        var position = Int(offset)
        while position < bytes.readableBytes {
            let count = min(64 << 10, bytes.readableBytes - position, (self.state.value.breaksAt ?? .max) - position)
            guard count > 0 else { throw UpstreamError(.unavailable, "the transfer broke off") }
            try await self.state.wait { $0.sent + count <= $0.allowance }
            guard let piece = bytes.getSlice(at: position, length: count) else { return }
            self.state.update { $0.sent += count }
            try await deliver(piece)
            position += count
        }
    }

    private func ask(_ request: String) async throws -> State {
        state.update { $0.requests.append(request) }
        try await state.wait { !$0.isSlow }
        let state = state.value
        if let failure = state.failure { throw failure }
        return state
    }
}
