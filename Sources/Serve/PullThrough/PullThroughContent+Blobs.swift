import Cache
import Logging
package import OCI

extension PullThroughContent {
    package func blob(
        _ digest: Digest,
        of repository: RepositoryReference,
        isHead: Bool
    ) async throws -> ServedBlob? {
        if let file = try blobAtHand(digest, of: repository) { return .stored(file) }
        guard let upstream = upstreams.upstream(of: repository) else { return nil }
        let name = ImageReference(location: repository, digest: digest)
        guard absentBlobs[name] == nil else {
            metrics.count(.rememberedAbsence)
            return nil
        }
        do {
            // That a manifest names it does not say that the upstream still has it.
            if isHead { return try await size(name, digest, at: upstream).map(ServedBlob.known) }
            var size = try await cache.names.size(of: digest, in: repository)
            if size == nil { size = try await self.size(name, digest, at: upstream) }
            guard let size, let descriptor = Descriptor(mediaType: .octetStream, digest: digest, size: size) else {
                return nil
            }
            return try await arriving(descriptor, from: upstream)
        } catch let error as UpstreamError where error.kind == .notFound {
            absentBlobs.remember(true, of: name, for: configuration.absenceLifetime)
            return nil
        } catch {
            try Task.checkCancellation()
            throw failure(error)
        }
    }

    /// Asks the upstream, once for all who wait.
    private func size(
        _ name: ImageReference,
        _ digest: Digest,
        at upstream: any Upstream
    ) async throws -> Int64? {
        let size = try await sizes.value(for: name) { try await upstream.size(ofBlob: digest) }
        if size == nil { absentBlobs.remember(true, of: name, for: configuration.absenceLifetime) }
        guard let size, !(0...Manifest.maximumContentSize).contains(size) else { return size }
        throw UpstreamError(.unusable, "\(upstream.place): the blob is said to have \(size) bytes")
    }

    /// A reader of a blob of which at least the beginning is there: until then its absence can still be told.
    private func arriving(_ descriptor: Descriptor, from upstream: any Upstream) async throws -> ServedBlob {
        do {
            let blob = try await cache.follow(descriptor, from: upstream)
            _ = try await blob.read(at: 0, atMost: 1)
            return .arriving(blob)
        } catch let error as CacheError where error.kind == .diskFull {
            configuration.logger.warning("a blob is served, but not cached", metadata: ["error": "\(error)"])
            metrics.count(.uncachedBlob)
            guard let blob = PassingBlob(descriptor, from: upstream, work) else { throw ServeError.busy }
            _ = try await blob.read(at: 0, atMost: 1)
            return .arriving(blob)
        }
    }
}
