import Cache
import Concurrency
import OCI

extension ContentCache {
    /// Keeps what was read of an image that has not come whole, as what brought it failed or was stopped.
    ///
    /// The next try then asks only whether the name still stands for that. Writes also where the task has been cancelled.
    ///
    /// - Parameters:
    ///   - manifests: those below the document, as far as they were read, and what was made of them.
    ///   - document: what the source has under the name.
    ///   - name: its name; `nil` where it has none.
    ///   - location: the source.
    /// - Throws: `CacheError`, which matters less than what has failed.
    func keep(
        _ manifests: [Manifest],
        of document: Manifest,
        as name: Reference?,
        from location: RepositoryReference
    ) async throws {
        guard !isReadOnly else { return }
        try await uncancelled { [self] in
            // First alone: where the index is locked, each that is written waits as long.
            try await store(document, from: location)
            try await manifests.forEach(limit: ImageCopy.manifestParallelism) {
                try await self.store($0, from: location)
            }
            guard let name else { return }
            try await names.recordPulled(name, of: location, as: document.descriptor)
        }
    }
}
