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
            try await copy.read(over: present, $0)
        }
        // A registry may name another digest than it gives, for ever.
        if let present, present == image.graph.top.descriptor.digest {
            let document = entry.platforms.isEmpty ? nil : image.document.descriptor.digest
            try await copy.notes.settleDoubt()
            try await noteFound(present, of: document, in: cache)
            return try await upToDate(present)
        }
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
                    var outcome = try await MovedTag.following(from: image.document.descriptor) {
                        try await copy.run(image, turn)
                    } again: {
                        let former = image.document.descriptor.digest
                        run.manifests.forget(copy.job.reference, of: entry.source, as: former)
                        let moved = try await copy.read()
                        return (moved, moved.document.descriptor)
                    } _: {
                        try await copy.run($0)
                    }
                    outcome.warnings = warnings + outcome.warnings
                    return row(of: outcome)
                }
            }
        } catch let error where !hasBegun {
            try? await copy.keepManifests(of: image)
            throw error
        }
    }
}
