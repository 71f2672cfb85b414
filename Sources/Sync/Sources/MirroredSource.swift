import NIOCore
import OCI
import Registry

/// A repository with mirrors before it, which are asked first for everything that a digest names.
///
/// What tags there are and what they point at is the host's to say. Only while it cannot be reached the mirrors are
/// asked for that too, and then one that wants no requests for a time is waited for. What refers to an image is never asked of them: a mirror's list may lack what the host has.
struct MirroredSource: ImageSource {
    let host: Repository
    /// In the order in which they are asked; none is the host itself.
    let mirrors: [Repository]
    let health: MirrorHealth
    /// Why the host is not asked, so that its mirrors are alone.
    var refusal: (any Error)?

    var location: RepositoryReference { host.location }
    var withoutMirrors: any ImageSource { host }
    var place: String { host.place }
    var origin: RepositoryReference? { host.origin }
    var isHeldBack: Bool { host.isHeldBack && mirrors.allSatisfy(\.isHeldBack) }
    /// Whether the host is not asked, and no mirror either because all of them fail.
    var isLeftAlone: Bool { refusal != nil && health.areFailing(mirrors) }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        guard let found = try await fromAnywhere({ try await $0.manifest(descriptor) as Manifest? }) else {
            return try await host.manifest(descriptor)
        }
        return found
    }

    func manifest(_ reference: Reference) async throws -> Manifest? {
        guard case .tag = reference else { return try await fromAnywhere { try await $0.manifest(reference) } }
        return try await hostFirst {
            let told = try await told(reference)
            if let manifest = told?.manifest { return manifest }
            // Of another algorithm a mirror is not asked: what is fetched by tag is known by its sha256 everywhere else.
            if let digest = told?.descriptor.digest, digest.algorithm == .sha256,
                let found = try await fromMirrors({ try await $0.manifest(.digest(digest)) })
            {
                return found.value
            }
            return try await host.manifest(reference)
        } orMirrors: {
            try await $0.manifest(reference)
        }
    }

    func resolve(_ reference: Reference) async throws -> Descriptor? {
        guard case .tag = reference else { return try await fromAnywhere { try await $0.resolve(reference) } }
        return try await hostFirst {
            try await host.resolve(reference)
        } orMirrors: {
            try await $0.resolve(reference)
        }
    }

    func resolve(
        _ reference: Reference,
        doubting doubt: (Descriptor) async throws -> TagDoubt
    ) async throws -> ToldManifest? {
        guard case .tag = reference else { return try await resolve(reference).map { ToldManifest($0) } }
        return try await hostFirst {
            try await host.resolve(reference, doubting: doubt)
        } orMirrors: {
            try await $0.resolve(reference, doubting: doubt)
        }
    }

    func tags() async throws -> [TagName]? {
        try await hostFirst {
            try await host.tags()
        } orMirrors: {
            try await $0.tags()
        }
    }

    func listing() async throws -> TagList? {
        try await hostFirst {
            try await host.listing()
        } orMirrors: {
            try await $0.listing()
        }
    }

    func referrers(of digest: Digest) async throws -> Knowledge<[ReferrerEntry]?> {
        if let refusal { throw refusal }
        return try await host.referrers(of: digest)
    }

    func blobSize(_ digest: Digest, named: Int64?) async throws -> Int64? {
        try await fromAnywhere { try await $0.blobSize(digest, named: named) }
    }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead scratch: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        guard offset < descriptor.size else { return }
        var reading = MirroredReading(descriptor: descriptor, offset: offset, ahead: scratch, source: self)
        try await reading.run(deliver)
    }

    func wasRight(_ digest: Digest) { health.wereRight(digest) }

    func hasAlternative(for digest: Digest) -> Bool {
        health.senders.hasSender(of: digest)
    }
}

extension MirroredSource {
    /// Asks the host about tags, and takes note that it answers for itself.
    ///
    /// - Throws: why it is not asked.
    func hearingHost<Value>(_ ask: () async throws -> Value) async throws -> Value {
        if let refusal { throw refusal }
        let value = try await ask()
        health.hostAnswered(location.host)
        return value
    }

    /// What the host says that a tag is, where a mirror may be asked for it by that.
    private func told(_ reference: Reference) async throws -> ToldManifest? {
        guard !health.reachable(mirrors).isEmpty else { return nil }
        return try await host.resolve(reference) { _ in .possible }
    }

    private func fromAnywhere<Value>(_ ask: (Repository) async throws -> Value?) async throws -> Value? {
        if let found = try await fromMirrors(ask) { return found.value }
        do {
            if let refusal { throw refusal }
            return try await ask(host)
        } catch let error where mayStandIn(after: error) {
            guard let found = try await waitingForMirrors(ask) else { throw error }
            return found.value
        }
    }

    private func hostFirst<Value>(
        _ atHost: () async throws -> Value?,
        orMirrors ask: (Repository) async throws -> Value?
    ) async throws -> Value? {
        do {
            return try await hearingHost(atHost)
        } catch let error where mayStandIn(after: error) {
            var found = try await fromMirrors(ask)
            if found == nil { found = try await waitingForMirrors(ask) }
            guard let found else { throw error }
            health.stoodIn(found.mirror, for: location, error)
            return found.value
        }
    }

    /// Whether others are asked in the host's place.
    func mayStandIn(after error: any Error) -> Bool {
        refusal != nil || (error as? RegistryError)?.isUnreachable == true
    }

    private func fromMirrors<Value>(
        _ ask: (Repository) async throws -> Value?
    ) async throws -> (value: Value, mirror: RepositoryReference)? {
        for mirror in health.reachable(mirrors) {
            if let value = try await health.asking(mirror, ask) { return (value, mirror.location) }
        }
        return nil
    }

    private func waitingForMirrors<Value>(
        _ ask: (Repository) async throws -> Value?
    ) async throws -> (value: Value, mirror: RepositoryReference)? {
        for mirror in health.worthWaiting(mirrors) {
            if let value = try await health.waiting(for: mirror, ask) { return (value, mirror.location) }
        }
        return nil
    }
}
