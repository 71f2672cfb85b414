import GRDB
import OCI

/// Takes away what nothing keeps, keepers first, and finds what nothing keeps then, without reading what stays.
///
/// Nothing is changed in the index: it is found out what would be left. The walk stops and goes on between transactions;
/// its memory is that of what has lost some of its references, not of what is taken away.
struct Release: Sendable {
    /// Is told of each blob that is taken away.
    typealias Visitor = (References.Blob) -> Void

    private var search: KeeperSearch
    /// Whether what nothing keeps, but was not taken away, is looked for too.
    private let isThorough: Bool
    /// How many of a blob's references are gone, where others are left or something else protects it.
    private var gone: [Digest: Int] = [:]
    /// References that are still to come to what was taken away before them, as the circle it is in demands.
    private var outstanding: [Digest: Int] = [:]
    /// What is taken away, while the blobs that it keeps have not lost it yet.
    private var open: [References.Blob] = []
    /// What has lost some of its references: it may hang on a circle that nothing keeps.
    private var doubtful: [Digest] = []

    /// Makes a walk; a thorough one counts what nothing keeps as gone without being told of it.
    init(_ protection: References.Protection, isThorough: Bool = false) {
        search = KeeperSearch(protection)
        self.isThorough = isThorough
    }

    /// Begins anew, as if nothing had been taken away, and remembers what was found to stay.
    mutating func startOver() {
        search.restoreNames()
        (gone, outstanding, open, doubtful) = ([:], [:], [], [])
    }

    /// Takes the names of images away, unless something else keeps one of them.
    ///
    /// - Returns: whether they go.
    mutating func takeNames(_ db: Database, of keys: [Digest]) throws -> Bool {
        guard try search.loses(db, names: keys) else { return false }
        for key in keys { try take(db, key) }
        return true
    }

    /// See ``KeeperSearch/namesakes(_:of:ifAll:)``.
    func namesakes(_ db: Database, of key: Digest, ifAll mayGo: (Digest) -> Bool) throws -> [Digest]? {
        try search.namesakes(db, of: key, ifAll: mayGo)
    }

    /// Takes a blob away, and in ``run(_:_:_:)`` all that nothing keeps then, if nothing that stays leads to it.
    mutating func takeUnkept(_ db: Database, _ key: Digest) throws {
        guard try !search.isKept(db, key) else { return }
        try take(db, key)
    }

    private mutating func take(_ db: Database, _ key: Digest) throws {
        guard let blob = try References.blob(db, key) else { return }
        let left = blob.count - (gone.removeValue(forKey: key) ?? 0)
        if left > 0 { outstanding[key] = left }
        open.append(blob)
    }

    /// Goes on until nothing more goes, or the page is over.
    ///
    /// - Returns: whether nothing more goes.
    mutating func run(_ db: Database, _ page: ReadPage, _ visit: Visitor) throws -> Bool {
        while !page.isOver {
            if let blob = open.popLast() {
                visit(blob)
                guard blob.keeps else { continue }
                for kept in try References.kept(db, by: blob.digest) { lose(kept) }
            } else if let key = doubtful.popLast() {
                guard gone[key] != nil else { continue }
                try takeUnkept(db, key)
            } else {
                return true
            }
        }
        return open.isEmpty && doubtful.isEmpty
    }

    /// A blob has lost one reference.
    private mutating func lose(_ blob: References.Blob) {
        if let left = outstanding[blob.digest] {
            outstanding[blob.digest] = left > 1 ? left - 1 : nil
            return
        }
        let count = (gone[blob.digest] ?? 0) + 1
        let isProtected = blob.isProtected(search.protection, unnamed: search.unnamed)
        if count >= blob.count, !isProtected {
            gone[blob.digest] = nil
            open.append(blob)
        } else {
            gone[blob.digest] = count
            if !isProtected, blob.keeps || isThorough { doubtful.append(blob.digest) }
        }
    }
}
