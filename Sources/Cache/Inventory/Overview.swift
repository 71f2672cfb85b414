import GRDB
package import OCI

/// What the cache holds, read without reading any content.
package struct CacheOverview: Sendable {
    /// One image, by whatever names.
    package struct Image: Sendable {
        /// Sorted by repository and name; as ``CachedImage/references``.
        package fileprivate(set) var references: [ImageReference]
        package let digest: Digest
        /// All that is here of it.
        package let bytes: Int64
        /// When it was used last, in seconds since 1970.
        package fileprivate(set) var lastUse: Int64

        package init(references: [ImageReference], digest: Digest, bytes: Int64, lastUse: Int64) {
            self.references = references
            self.digest = digest
            self.bytes = bytes
            self.lastUse = lastUse
        }
    }

    package let usage: CacheUsage
    /// Sorted by their first references.
    package let images: [Image]
    /// What may still be written to the cache's file system, in bytes; `nil` where that is not told.
    package let freeBytes: Int64?

    package init(usage: CacheUsage, images: [Image], freeBytes: Int64?) {
        self.usage = usage
        self.images = images
        self.freeBytes = freeBytes
    }
}

/// Goes through all names once, in short transactions: what images share is not looked at.
struct OverviewWalk: Sendable {
    private(set) var images: [CacheOverview.Image] = []
    /// Where each image stands among them.
    private var places: [Digest: Int] = [:]
    private var last = NameRow.Position.start

    /// - Returns: whether all have been looked at.
    mutating func run(_ db: Database, _ page: ReadPage) throws -> Bool {
        let names = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT host, repository, reference, digest, bytes, is_whole, max(committed_at, used_at, updated_at),
                        \(NameRows.isNewest)
                    FROM names CROSS JOIN blobs USING (digest)
                    WHERE (host, repository, reference, is_whole) > (?, ?, ?, ?)
                    ORDER BY host, repository, reference, is_whole
                    """
            ),
            arguments: [last.host, last.repository, last.name, last.isWhole]
        )
        while let row = try names.next() {
            let name = try NameRow(row)
            let isNewest: Bool = row[7]
            try add(db, name, isNewest ? [ImageReference(row: row)] : [], lastUse: row[6])
            if page.isOver {
                last = name.position
                return false
            }
        }
        return true
    }

    private mutating func add(_ db: Database, _ name: NameRow, _ references: [ImageReference], lastUse: Int64) throws {
        guard let place = places[name.digest] else {
            let bytes = try name.bytes ?? ImageBytes.sum(db, of: name.digest)
            places[name.digest] = images.count
            images.append(.init(references: references, digest: name.digest, bytes: bytes, lastUse: lastUse))
            return
        }
        images[place].references += references
        images[place].lastUse = max(images[place].lastUse, lastUse)
    }
}
