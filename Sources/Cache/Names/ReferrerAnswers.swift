package import OCI

/// How registries have answered when they were asked what refers to images: not what they list, but whether they tell.
package struct ReferrerAnswers: Sendable {
    let store: Store

    /// Something of which a repository's registry has itself listed what refers to it; `nil` where it never did.
    package func subject(in location: RepositoryReference) async throws -> Digest? {
        try await store.index.read { try $0.referrerAnswers.subject(in: location) }
    }

    /// Notes that it has, of one such subject alone.
    ///
    /// Safe to repeat; costs no transaction when nothing changes, and nothing is noted where the cache cannot be written.
    package func noteListed(_ subject: Digest, in location: RepositoryReference) async throws {
        guard !store.isReadOnly, try await self.subject(in: location) == nil else { return }
        try await store.index.write { try $0.referrerAnswers.add(subject, in: location) }
    }

    /// Forgets that it has, as it does so no more or that subject no longer shows it.
    ///
    /// As ``noteListed(_:in:)``.
    package func forgetListed(in location: RepositoryReference) async throws {
        guard !store.isReadOnly, try await subject(in: location) != nil else { return }
        try await store.index.write { try $0.referrerAnswers.removeSubject(in: location) }
    }

    /// Whether something of what refers to an image was not told when it was copied, and not asked for often since.
    package func isUntold(_ gift: GivenReferrers.Gift) async throws -> Bool {
        let times = try await store.index.read { try $0.referrerAnswers.timesUntold(gift) }
        return 1..<ReferrerAnswerRows.mostTimes ~= times
    }

    /// Notes whether it is; as ``noteListed(_:in:)``.
    package func note(isUntold: Bool, of gift: GivenReferrers.Gift) async throws {
        guard !store.isReadOnly else { return }
        let times = try await store.index.read { try $0.referrerAnswers.timesUntold(gift) }
        guard isUntold ? times < ReferrerAnswerRows.mostTimes : times > 0 else { return }
        try await store.index.write { try $0.referrerAnswers.set(timesUntold: isUntold ? times + 1 : 0, gift) }
    }

    /// Forgets what was not told of images that are not here.
    func forgetNeedless() async throws {
        guard try await store.index.read({ try $0.referrerAnswers.hasNeedless() }) else { return }
        try await store.index.write { try $0.referrerAnswers.removeNeedless() }
    }
}
