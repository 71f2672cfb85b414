import Cache
import Concurrency
import OCI
import Registry

/// Something that refers to an image: a signature, an attestation, a list of its parts.
struct Referrer: Sendable {
    let manifest: Manifest
    /// What it is kept under where nothing but its tag says what it refers to: cosign's `sha256-<hex>.sig`.
    var tag: TagName?
}

/// What refers to one manifest at a source.
struct FoundReferrers: Sendable {
    let subject: Digest
    /// All that the source lists, by its interface and by the tag that stands in for it.
    let listed: [Descriptor]
    /// The same with their manifests, and what cosign's tags name.
    let referrers: [Referrer]
    /// What the source lists and does not have: removed there, while its list was forgotten.
    let missing: [Digest]
    /// Whether the source has a list at all: a refused question does not mean that nothing refers to the subject.
    let hasList: Bool
}

/// Finds what refers to manifests of a source.
///
/// By the referrers interface, by the tags that stand in for it, and by cosign's tags; which of the tags there are is
/// known from one listing, so none is asked for in vain.
struct ReferrerSearch: Sendable {
    private static let parallelism = 6

    let source: any ImageSource
    let cache: ContentCache
    /// The source's tags under which referrers are kept.
    let tags: Set<TagName>

    /// What refers to each of these manifests, in their order.
    ///
    /// - Throws: ``CopyError`` that names the referrer; `CancellationError`.
    func referrers(of subjects: [Digest]) async throws -> [FoundReferrers] {
        try await subjects.map(limit: Self.parallelism) { try await referrers(of: $0) }
    }

    private func referrers(of subject: Digest) async throws -> FoundReferrers {
        try await CopyError.naming("what refers to it", of: subject) {
            let answer = try await source.listedReferrers(of: subject)?.map(\.descriptor)
            var listed = answer ?? []
            let index = try subject.referrersTag
            if tags.contains(index), let manifest = try await source.manifest(.tag(index)) {
                listed += manifest.references
            }
            var seen: Set<Digest> = [subject]
            listed.removeAll { !seen.insert($0.digest).inserted }
            guard listed.count <= ReferrerCopy.maximumCount else { throw CopyError(.tooManyReferrers) }
            var found: [Referrer] = []
            var missing: [Digest] = []
            for descriptor in listed {
                if let manifest = try await manifest(descriptor) {
                    found.append(Referrer(manifest: manifest))
                } else {
                    missing.append(descriptor.digest)
                }
            }
            for tag in subject.cosignTags where tags.contains(tag) {
                guard let manifest = try await source.manifest(.tag(tag)) else { continue }
                found.append(Referrer(manifest: manifest, tag: tag))
            }
            return FoundReferrers(
                subject: subject,
                listed: listed,
                referrers: found,
                missing: missing,
                hasList: answer != nil || tags.contains(index)
            )
        }
    }

    /// - Returns: `nil` when the source does not have it.
    private func manifest(_ descriptor: Descriptor) async throws -> Manifest? {
        if let cached = try cache.manifest(descriptor) { return cached }
        do {
            return try await source.manifest(descriptor)
        } catch let error as RegistryError where error.kind == .notFound {
            return nil
        }
    }
}

extension Digest {
    /// Where cosign keeps what refers to a manifest.
    var cosignTags: [TagName] {
        ["sig", "att", "sbom"].compactMap { try? TagName("\(algorithm.rawValue)-\(hex).\($0)") }
    }
}

extension ContentCache {
    /// Notes what a repository lists of these manifests; what has tags needs no list.
    func noteReferrers(_ found: [FoundReferrers], in location: RepositoryReference) async throws {
        try await names.setReferrers(found.filter(\.hasList).map { ($0.subject, $0.listed) }, in: location)
    }
}
