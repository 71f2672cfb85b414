package import OCI

/// How registries have answered when they were asked what refers to images: not what they list, but whether they tell.
package struct ReferrerAnswers: Sendable {
    let store: Store

    /// Whether the repository's registry has ever listed referrers itself.
    ///
    /// One that has answers as if it knew no such question only for a time.
    package func hasInterface(_ location: RepositoryReference) async throws -> Bool {
        try await store.index.read { try $0.referrerAnswers.hasInterface(location) }
    }

    /// Notes that it has.
    ///
    /// Safe to repeat; costs no transaction when nothing changes, and nothing is noted where the cache cannot be written.
    package func noteInterface(of location: RepositoryReference) async throws {
        guard !store.isReadOnly, try await !hasInterface(location) else { return }
        try await store.index.write { try $0.referrerAnswers.addInterface(location) }
    }

    /// Whether something of what refers to an image was not told when it was copied.
    package func isUntold(_ gift: GivenReferrers.Gift) async throws -> Bool {
        try await store.index.read { try $0.referrerAnswers.isUntold(gift) }
    }

    /// Notes whether it is; as ``noteInterface(of:)``.
    package func note(isUntold: Bool, of gift: GivenReferrers.Gift) async throws {
        guard !store.isReadOnly, try await self.isUntold(gift) != isUntold else { return }
        try await store.index.write { try $0.referrerAnswers.set(isUntold: isUntold, gift) }
    }

    /// Forgets what was not told of images that are not here.
    func forgetNeedless() async throws {
        guard try await store.index.read({ try $0.referrerAnswers.hasNeedless() }) else { return }
        try await store.index.write { try $0.referrerAnswers.removeNeedless() }
    }
}
