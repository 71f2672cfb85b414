import Cache
import OCI
import Registry

extension TagRun {
    /// Copies the tag's image, unless what is read of it says that the target has it.
    func copy(repositoryIsEmpty: Bool, over present: Digest? = nil) async throws -> SyncReport.Row {
        guard let cache = run.cache else { preconditionFailure("nothing is copied but through a cache") }
        // Once the disk fails nothing can be copied; each tag says so without asking a registry.
        try cache.checkUsable()
        let copy = imageCopy(through: cache, repositoryIsEmpty: repositoryIsEmpty)
        let image = try await run.manifests.rereading(copy.job.reference, of: entry.source) {
            try await copy.read(over: present)
        }
        // A registry may name another digest than it gives, for ever.
        if let present, present == image.graph.top.descriptor.digest { return try await upToDate(present) }
        let size = image.graph.manifestSize
        run.turns.hold(size)
        defer { run.turns.drop(size) }
        var hasBegun = false
        do {
            return try await inTurn(blobs: image.graph.blobs.count) { turn in
                hasBegun = true
                return try await bringing(copy) {
                    try cache.checkUsable()
                    let warnings = try await copy.notes.warnings(before: image.graph.top, over: present)
                    var outcome = try await self.follow(copy, of: image, turn)
                    outcome.warnings = warnings + outcome.warnings
                    return self.row(of: outcome)
                }
            }
        } catch  where !hasBegun {
            try? await copy.keepManifests(of: image)
            throw error
        }
    }

    /// Copies an image, or what the tag has come to be where the source has one of its blobs no more.
    private func follow(_ copy: ImageCopy, of image: ImageCopy.Image, _ turn: Turn) async throws -> CopyOutcome {
        do {
            return try await copy.run(image, turn)
        } catch let error as RegistryError where error.kind == .notFound && error.action == .readBlob {
            run.manifests.forget(copy.job.reference, of: entry.source)
            let moved: ImageCopy.Image
            do {
                moved = try await copy.read()
            } catch let other where !other.isCancellation {
                throw error
            }
            guard moved.document.descriptor != image.document.descriptor else { throw error }
            return try await copy.run(moved)
        }
    }
}
