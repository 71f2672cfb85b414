package import OCI

extension ImageSource {
    /// What refers to a manifest, as the source's own interface lists it; `nil` when it does not tell, for whatever reason.
    package func listedReferrers(of digest: Digest) async throws -> [ReferrerEntry]? {
        guard case .known(let listed) = try await referrers(of: digest) else { return nil }
        return listed
    }
}
