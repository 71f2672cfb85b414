import GRDB
import NIOCore
package import OCI

extension Inventory {
    /// The images that names lead to, sorted by their first references; reads manifests and configs.
    ///
    /// - Throws: ``CacheError``.
    package func images() async throws -> [CachedImage] {
        try await images(limit: .max).images
    }

    /// One page of ``images()``; a large cache has many.
    ///
    /// - Parameters:
    ///   - position: where the page before ended; `nil` for the first one.
    ///   - limit: not more than so many.
    /// - Returns: so many images, and where the next page begins.
    /// - Throws: ``CacheError``.
    package func images(after position: ImagePage.Position? = nil, limit: Int) async throws -> ImagePage {
        let walk = ImageWalk(after: position?.name ?? .start, limit: limit)
        let end = try await store.index.readPages(walk) { try $0.run($1, $2) }
        return ImagePage(images: try await images(end.found), next: end.position.map(ImagePage.Position.init))
    }

    /// One page of all names, each once and sorted by repository and name; reads the index alone.
    ///
    /// - Throws: ``CacheError``.
    package func names(after position: ImagePage.Position? = nil, limit: Int) async throws -> NamePage {
        let start = position?.name ?? .start
        let names = try await store.index.read { db in
            try NameRow.rows(db, after: start, limit: limit, where: NameRows.isNewest).map(CachedName.init)
        }
        let last = names.count == limit ? names.last : nil
        return NamePage(names: names, next: last.map { ImagePage.Position(name: $0.row.position) })
    }

    /// The images that some names stand for, without their names; one that went meanwhile is left out.
    ///
    /// - Throws: ``CacheError``.
    func images(of names: [CachedName]) async throws -> [Digest: CachedImage] {
        let rows = Dictionary(names.map { ($0.digest, $0.row) }) { first, _ in first }
        let walk = ImageWalk(of: Array(rows.values))
        let end = try await store.index.readPages(walk) { try $0.run($1, $2) }
        return Dictionary(try await images(end.found).map { ($0.descriptor.digest, $0) }) { first, _ in first }
    }

    /// The bytes that removing an image, with all of its names, would free; of some images, those that have names.
    ///
    /// - Throws: ``CacheError``.
    package func bytesAlone(of digests: [Digest]) async throws -> [Digest: Int64] {
        let names = try await store.index.read { db in try Set(digests).compactMap { try NameRow.first(db, of: $0) } }
        let found = try await store.index.readPages(ImageWalk(of: names)) { try $0.run($1, $2) }.found
        return Dictionary(found.map { ($0.descriptor.digest, $0.uniqueBytes) }) { first, _ in first }
    }

    private func images(_ rows: [ImageRow]) async throws -> [CachedImage] {
        var images: [CachedImage] = []
        for chunk in stride(from: 0, to: rows.count, by: 100) {
            let some = rows[chunk..<min(chunk + 100, rows.count)]
            images += try await blocking(on: .hashing) { [self] in try some.map(image) }
        }
        return images
    }

    private func image(_ row: ImageRow) throws -> CachedImage {
        CachedImage(
            references: row.references,
            descriptor: row.descriptor,
            platforms: try details(of: row.descriptor).platforms,
            uniqueBytes: row.uniqueBytes,
            sharedBytes: row.sharedBytes,
            lastUse: row.lastUse
        )
    }

    /// Reads the manifests and configs of some images.
    ///
    /// What is not here, or cannot be understood, only lacks its details.
    ///
    /// - Throws: ``CacheError`` when a file cannot be read.
    package func details(of digests: [Digest]) async throws -> [Digest: ImageDetails] {
        try await blocking(on: .hashing) { [self] in
            try digests.reduce(into: [:]) { details, digest in
                details[digest] = try readable { try store.manifests.manifest(digest) }.map(self.details)
            }
        }
    }

    func details(of descriptor: Descriptor) throws -> ImageDetails {
        try readable { try store.manifests.manifest(descriptor) }.map(details) ?? ImageDetails()
    }

    private func details(of manifest: Manifest) throws -> ImageDetails {
        var details = ImageDetails()
        switch manifest.content {
        case .image(let image):
            guard let config = try config(image.config) else { break }
            details.created = config["created"]?.string
            if let platform = Platform(config: config) { details.platforms = [platform] }
        case .index(let index):
            let here = try index.entries.filter { try store.blobs.contains($0.descriptor) }
            details.platforms = here.compactMap(\.platform).filter { !$0.isUnknown }
            guard let first = here.first,
                case .image(let image)? = try readable({ try store.manifests.manifest(first.descriptor) })?.content
            else { break }
            details.created = try config(image.config)?["created"]?.string
        }
        return details
    }

    /// A manifest that cannot be understood only lacks its details here.
    private func readable(_ read: () throws -> Manifest?) throws -> Manifest? {
        do {
            return try read()
        } catch is DocumentError {
            return nil
        }
    }

    private func config(_ config: Descriptor) throws -> JSONValue? {
        guard config.size <= Manifest.maximumSize,
            let file = try store.directory.blobs.open(config.digest, size: config.size)
        else { return nil }
        do throws(SystemError) {
            let bytes = try file.read(at: 0, atMost: max(1, Int(config.size)))
            return try? JSONValue(parsing: bytes)
        } catch {
            throw CacheError(error, "read \(config.digest)", path: store.directory.path, digest: config.digest)
        }
    }

    /// What is known of a manifest: its names, where it came from, and when.
    ///
    /// - Returns: `nil` when the index has no such manifest.
    /// - Throws: ``CacheError``.
    package func record(of digest: Digest) async throws -> ManifestRecord? {
        try await blocking { [store] in
            try store.index.read { db in
                let times = "SELECT committed_at, max(committed_at, used_at) FROM blobs WHERE digest = ?"
                guard let row = try Row.fetchOne(db, sql: times, arguments: [digest]) else { return nil }
                let names = "SELECT host, repository, reference FROM names WHERE digest = ? ORDER BY 1, 2, 3"
                let places = "SELECT host, repository FROM blob_sources WHERE digest = ? ORDER BY 1, 2"
                return ManifestRecord(
                    names: try ImageReference.fetchAll(db, sql: names, arguments: [digest]),
                    sources: try RepositoryReference.fetchAll(db, sql: places, arguments: [digest]),
                    committedAt: row[0],
                    usedAt: row[1]
                )
            }
        }
    }

    /// The names that a question picks, also of images that are not whole; sorted by repository and name, read in pages.
    ///
    /// - Throws: ``CacheError``.
    package func names(
        where isWanted: @escaping @Sendable (ImageReference) -> Bool
    ) async throws -> [ImageReference] {
        let start = (position: NameRow.Position.start, found: [ImageReference]())
        return try await store.index.readPages(start) { state, db, page in
            while !page.isOver {
                let rows = try NameRow.next(db, after: state.position, limit: 250)
                guard let last = rows.last else { return true }
                for row in rows where !state.position.isNameOf(row.position) {
                    state.position = row.position
                    guard let reference = row.position.reference, isWanted(reference) else { continue }
                    state.found.append(reference)
                }
                state.position = last.position
            }
            return false
        }.found
    }
}

extension NameRow.Position {
    /// `nil` for what is no name.
    fileprivate var reference: ImageReference? {
        // A digest has a colon, and no tag has.
        try? ImageReference("\(host)/\(repository)\(name.contains(":") ? "@" : ":")\(name)")
    }
}
