import Cache
import OCI
import Registry

/// Where repositories are read from and written to.
struct ImagePlaces: Sendable {
    let registries: [RegistryHost: RegistryOptions]
    let client: RegistryClient
    let health: MirrorHealth
    /// What is read instead of any source, where nobody is to be asked.
    var held: ContentCache?

    /// A source, by way of the mirrors of its host where it has some.
    ///
    /// A mirror has images under the same repository name. Its credentials are its own.
    func source(at location: RepositoryReference) -> any ImageSource {
        if let held { return CachedSource(location: location, cache: held) }
        let host = client.repository(location, for: .pull)
        let mirrors = mirrors(of: location)
        guard !mirrors.isEmpty else { return host }
        return MirroredSource(host: host, mirrors: mirrors, health: health)
    }

    /// A target, to write to it or only to ask what it holds.
    func target(at location: RepositoryReference, for access: Access = .push) -> any ImageTarget {
        client.repository(location, for: access)
    }

    /// What keeps the connections to far ones of two repositories' hosts busy; `nil` where none has answered from afar.
    ///
    /// Who fails is asked no more often for it: of a source with mirrors all that would be asked must have answered well.
    func room(from source: RepositoryReference, to target: RepositoryReference) -> FarRoom? {
        let push = client.repository(target, for: .push).room
        guard held == nil else { return FarRoom(pull: nil, push: push) }
        let pull = client.repository(source, for: .pull).room
        guard let mirror = health.reachable(mirrors(of: source)).first else { return FarRoom(pull: pull, push: push) }
        guard let first = mirror.room, let pull else { return nil }
        return FarRoom(pull: min(first, pull), push: push)
    }

    private func mirrors(of location: RepositoryReference) -> [Repository] {
        (registries[meaning: location.host]?.mirrors ?? []).map { mirror in
            let place = RepositoryReference(host: mirror, repository: location.repository)
            return client.repository(place, for: .pull, of: location.host)
        }
    }
}

/// What keeps the connections to far hosts busy.
struct FarRoom {
    /// How many tags are under way, as each begins with a request.
    let tags: Int
    /// How many blobs are: while some are on their way others wait for their connections already.
    let blobs: Int

    /// - Parameters: how many requests source and target take at a time; `nil` where they are not far.
    fileprivate init?(pull: Int?, push: Int?) {
        guard let tags = [pull, push].compactMap(\.self).max() else { return nil }
        self.tags = tags
        blobs = 2 * tags
    }
}

extension ImageSource {
    /// Why there is nothing behind a reference, or no such repository where that is `nil`.
    func absence(of reference: Reference?) -> CopyError {
        switch (reference, isCache) {
        case (let reference?, true): CopyError(.notInCache(reference, location))
        case (nil, true): CopyError(.nothingInCache(location))
        case (let reference?, false): CopyError(.missingTag(reference, location))
        case (nil, false): CopyError(.missingRepository(location))
        }
    }

    /// All tags; a refused list is no failure, as each can be asked for.
    func tagListing() async throws -> ReferrerTags.Listing {
        do {
            return .told(Set(try await tags() ?? []))
        } catch let error as RegistryError where error.isRefusalToTell {
            return .refused
        }
    }
}
