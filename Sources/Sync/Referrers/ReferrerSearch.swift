import Cache
import OCI
import Registry

/// Something that refers to an image: a signature, an attestation, a list of its parts.
struct Referrer: Sendable {
    let manifest: Manifest
    /// What it is kept under where nothing but its tag says what it refers to: cosign's `sha256-<hex>.sig`.
    var tag: TagName?
}

extension ContentCache {
    /// Notes what a repository lists of these manifests; what has tags needs no list.
    func noteReferrers(
        _ found: [(subject: Digest, referrers: [Referrer])],
        in location: RepositoryReference
    ) async throws {
        let lists = found.map { ($0, $1.filter { $0.tag == nil }.map(\.manifest.descriptor)) }
        try await names.setReferrers(lists, in: location)
    }
}

/// Finds what refers to manifests of a source.
///
/// By the referrers interface, by the tags that stand in for it, and by cosign's tags; which of the tags there are is
/// known from one listing, so none is asked for in vain.
struct ReferrerSearch: Sendable {
    private static let parallelism = 6
    private static let suffixes = ["sig", "att", "sbom"]

    let source: any ImageSource
    let cache: ContentCache
    /// The source's tags under which referrers are kept.
    let tags: Set<TagName>

    /// What refers to each of these manifests, in their order.
    ///
    /// - Throws: ``CopyError`` that names the referrer; `CancellationError`.
    func referrers(of subjects: [Digest]) async throws -> [(subject: Digest, referrers: [Referrer])] {
        let found = try await withThrowingTaskGroup(of: (Digest, [Referrer]).self) { group in
            var found: [Digest: [Referrer]] = [:]
            for (position, subject) in subjects.enumerated() {
                if position >= Self.parallelism, let (subject, referrers) = try await group.next() {
                    found[subject] = referrers
                }
                group.addTask { (subject, try await referrers(of: subject)) }
            }
            for try await (subject, referrers) in group { found[subject] = referrers }
            return found
        }
        return subjects.map { ($0, found[$0] ?? []) }
    }

    private func referrers(of subject: Digest) async throws -> [Referrer] {
        try await CopyError.naming("what refers to it", of: subject) {
            var listed = try await source.listedReferrers(of: subject) ?? []
            let index = try subject.referrersTag
            if tags.contains(index), let manifest = try await source.manifest(.tag(index)) {
                listed += manifest.references
            }
            var seen: Set<Digest> = []
            listed.removeAll { !seen.insert($0.digest).inserted }
            guard listed.count <= ReferrerCopy.maximumCount else { throw CopyError(.tooManyReferrers) }
            var found: [Referrer] = []
            for descriptor in listed { found.append(Referrer(manifest: try await manifest(descriptor))) }
            return found + (try await tagged(subject))
        }
    }

    private func tagged(_ subject: Digest) async throws -> [Referrer] {
        var found: [Referrer] = []
        for suffix in Self.suffixes {
            guard let tag = try? TagName("\(subject.algorithm.rawValue)-\(subject.hex).\(suffix)"), tags.contains(tag),
                let manifest = try await source.manifest(.tag(tag))
            else { continue }
            found.append(Referrer(manifest: manifest, tag: tag))
        }
        return found
    }

    private func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        if let cached = try cache.manifest(descriptor) { return cached }
        return try await source.manifest(descriptor)
    }
}
