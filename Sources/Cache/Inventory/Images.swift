import GRDB
package import OCI

/// One image of the cache, by whatever tags.
package struct CachedImage: Sendable {
    /// Sorted by repository and tag; none of an image that is held under a tag which stands for a newer one, or that was asked
    /// for by its names.
    package let references: [ImageReference]
    package let descriptor: Descriptor
    /// What it can run on, as far as the manifests that are here say; empty for artifacts.
    package let platforms: [Platform]
    /// Bytes that removing it, with all of its tags, would free.
    package let uniqueBytes: Int64
    /// Bytes that other images need too.
    package let sharedBytes: Int64
    /// When it was used last, in seconds since 1970.
    package let lastUse: Int64
}

/// So many images in order, and where the next ones begin.
package struct ImagePage: Sendable {
    /// A place between two images.
    package struct Position: Hashable, Sendable {
        let name: NameRow.Position
    }

    package let images: [CachedImage]
    /// `nil` when there are no more.
    package let next: Position?
}

/// One name of the cache, and the image that it stands for.
package struct CachedName: Sendable {
    package let reference: ImageReference
    package var digest: Digest { row.digest }
    let row: NameRow

    init(_ row: Row) throws {
        reference = try ImageReference(row: row)
        self.row = try NameRow(row)
    }
}

/// So many names in order, and where the next ones begin.
package struct NamePage: Sendable {
    package let names: [CachedName]
    /// `nil` when there are no more.
    package let next: ImagePage.Position?
}

/// One image as the index alone knows it.
struct ImageRow: Sendable {
    /// As ``CachedImage/references``.
    let references: [ImageReference]
    let descriptor: Descriptor
    let bytes: Int64
    let lastUse: Int64
    /// Bytes that nothing else keeps.
    var uniqueBytes: Int64 = 0

    var sharedBytes: Int64 { max(0, bytes - uniqueBytes) }

    /// - Returns: `nil` for one that went meanwhile.
    init?(_ db: Database, _ name: NameRow, hasReferences: Bool) throws {
        let statement = try db.cachedStatement(
            sql: """
                SELECT media_type, size, max(committed_at, used_at),
                    (SELECT max(updated_at) FROM names WHERE names.digest = manifests.digest)
                FROM manifests JOIN blobs USING (digest) WHERE manifests.digest = ?
                """
        )
        guard let row = try Row.fetchOne(statement, arguments: [name.digest]),
            let descriptor = Descriptor(
                mediaType: try row.decode(MediaType.self, atIndex: 0),
                digest: name.digest,
                size: row[1]
            )
        else { return nil }
        self.descriptor = descriptor
        references = hasReferences ? try NamesOf.listed(db, name.digest) : []
        bytes = try name.bytes ?? ImageBytes.sum(db, of: name.digest)
        let changed: Int64? = row[3]
        lastUse = max(row[2], changed ?? 0)
    }
}

/// Goes through the images in short transactions.
struct ImageWalk: Sendable {
    private let limit: Int
    /// The last name that was looked at; `nil` behind the last one.
    private(set) var position: NameRow.Position?
    /// Names of the images that are asked for, one of each; `nil` for all that come after the position.
    private var asked: [NameRow]?
    /// What an image keeps alone is what goes with its names.
    private var release = Release(.named, isThorough: true)
    private var current: ImageRow?
    private(set) var found: [ImageRow] = []

    init(after position: NameRow.Position = .start, limit: Int = .max) {
        self.limit = limit
        self.position = position
    }

    /// Looks at the images of some names alone, and at no other names of theirs.
    init(of names: [NameRow]) {
        self.init()
        asked = names
    }

    /// - Returns: whether all have been looked at, or as many as were wanted.
    mutating func run(_ db: Database, _ page: ReadPage) throws -> Bool {
        while true {
            if var image = current {
                let isDone = try release.run(db, page) { image.uniqueBytes += $0.size }
                current = isDone ? nil : image
                guard isDone else { return false }
                found.append(image)
                release.startOver()
            }
            guard found.count < limit, position != nil else { return true }
            guard !page.isOver else { return false }
            guard let image = try nextName(db).flatMap({ try ImageRow(db, $0, hasReferences: asked == nil) }) else {
                continue
            }
            current = image
            _ = try release.takeNames(db, of: [image.descriptor.digest])
        }
    }

    /// The next image's name; `nil` for none, and for one whose image was looked at.
    private mutating func nextName(_ db: Database) throws -> NameRow? {
        let name: NameRow?
        if asked != nil {
            name = asked?.popLast()
        } else {
            name = try position.flatMap { try NameRow.next(db, after: $0, limit: 1).first }
        }
        position = name?.position
        guard let name, try asked != nil || name.isFirst(db) else { return nil }
        return name
    }
}
