import Cache
import OCI

/// Lists of upstreams: a repository's tags, and what refers to a manifest.
///
/// The upstream's own list is the answer.
struct PulledLists: Sendable {
    private static let capacity = 32 << 20
    /// Long lists come in many pages.
    private static let deadline = Duration.seconds(300)

    private let context: PullThroughContext
    /// Sorted.
    private let tagLists: Question<RepositoryReference, [TagName]>
    private let referrerLists: Question<ImageReference, [ReferrerEntry]>

    init(_ context: PullThroughContext) {
        self.context = context
        let brief = context.lifetimes(absence: context.configuration.absenceLifetime)
        tagLists = Question(brief, deadline: Self.deadline, capacity: Self.capacity, context.questions) { tags in
            tags.reduce(0) { $0 + $1.description.utf8.count + 48 }
        }
        referrerLists = Question(
            context.lifetimes(),
            deadline: Self.deadline,
            capacity: Self.capacity,
            context.questions
        ) { entries in
            entries.reduce(0) { sum, entry in
                entry.annotations.reduce(sum + 512) { $0 + $1.key.utf8.count + $1.value.utf8.count + 96 }
            }
        }
    }

    /// What the upstream lists, or listed last; never the few tags that the cache happens to have.
    func tags(of repository: RepositoryReference, at upstream: any Upstream) async throws -> ServedList<TagName>? {
        do {
            let standIn = { @Sendable (error: UpstreamError) in
                try await upstream.standIn(after: error)?.tags().map { Set($0).sorted() }
            }
            let told = try await tagLists.ask(repository, at: repository.host, standIn: standIn) {
                // What a list leaves out may be there all the same: a tag is forgotten by what is said of itself.
                try await upstream.tags().map { Set($0).sorted() }
            }
            return told.answer.map { list($0, isStale: told.source == .stale) }
        } catch {
            throw try context.failure(error)
        }
    }

    /// What the upstream lists as referring to a manifest, in its order; no manifest is fetched to repeat it.
    func referrers(
        of digest: Digest,
        in repository: RepositoryReference,
        _ artifactType: String?,
        at upstream: any Upstream
    ) async throws -> ServedList<ReferrerEntry> {
        do {
            let name = ImageReference(location: repository, digest: digest)
            let held =
                referrerLists.isKept(name) ? nil : try await heldReferrers(of: digest, in: repository, artifactType)
            let told = try await referrerLists.ask(name, at: repository.host, held: held) { [context] in
                let lists = context.cache.referrers
                let known = (try? await lists.listed(of: digest, in: repository)) ?? []
                let answer = try await upstream.referrers(of: digest, knowing: known)
                await context.keeping("a list of referrers is served, but cannot be kept", repository) { _ in
                    let all = answer.entries.map(\.descriptor) + answer.others
                    if answer.isWhole {
                        try await lists.set(of: digest, in: repository, to: all)
                    } else {
                        try await lists.add(of: digest, in: repository, all)
                    }
                }
                return answer.entries
            }
            return list((told.answer ?? []).filtered(by: artifactType), isStale: told.source == .stale)
        } catch {
            throw try context.failure(error)
        }
    }

    /// What the cache has of them; an empty list would say that there is no signature.
    private func heldReferrers(
        of digest: Digest,
        in repository: RepositoryReference,
        _ artifactType: String?
    ) async throws -> [ReferrerEntry]? {
        let held = try await context.cached.referrers(of: digest, in: repository, artifactType: artifactType).elements
        return held.isEmpty ? nil : held
    }

    private func list<Element>(_ elements: [Element], isStale: Bool) -> ServedList<Element> {
        if isStale { context.metrics.count(.staleTag) }
        return ServedList(elements, warning: isStale ? PullThroughContext.staleWarning : nil)
    }
}
