import GRDB
import OCI

/// Finds out whether something that stays leads to a blob, by going from keeper to keeper.
///
/// What was found out is remembered: of many blobs that hang on one image the way is gone once.
struct KeeperSearch: Sendable {
    /// More is forgotten rather than remembered.
    private static let memoryLimit = 200_000

    let protection: References.Protection
    /// Images whose names don't count.
    private(set) var unnamed: Set<Digest> = []
    /// What is known to stay, and what it hangs on.
    private var anchors: [Digest: Digest] = [:]
    /// What nothing leads to that stays.
    private var unkept: Set<Digest> = []

    init(_ protection: References.Protection) { self.protection = protection }

    /// From now on an image's names don't count.
    mutating func ignoreNames(of key: Digest) { unnamed.insert(key) }

    /// All names count again.
    mutating func restoreNames() {
        unnamed = []
        unkept = []
        if anchors.count > Self.memoryLimit { anchors = [:] }
    }

    /// Whether a blob stays, for its own sake or another's; one that is not recorded stays for another's only.
    mutating func isKept(_ db: Database, _ key: Digest) throws -> Bool {
        if let anchor = anchor(of: key) { return anchor }
        let start = try References.blob(db, key)
        if let start, start.isProtected(protection, unnamed: unnamed) { return true }
        return try isKeptByOthers(db, key)
    }

    /// Whether images would go if they had no names; then those don't count from now on.
    mutating func loses(_ db: Database, names keys: [Digest]) throws -> Bool {
        unnamed.formUnion(keys)
        for key in keys where try isKept(db, key) {
            unnamed.subtract(keys)
            // It was found out without the names.
            if keys.count > 1 { unkept = [] }
            return false
        }
        return true
    }

    /// The images whose names keep an image, its own first, as a subject and its referrer can keep each other.
    ///
    /// - Returns: `nil` where something else keeps it, or the name of an image that may not go.
    func namesakes(_ db: Database, of start: Digest, ifAll mayGo: (Digest) -> Bool) throws -> [Digest]? {
        guard let blob = try References.blob(db, start), !blob.isProtected(protection, unnamed: [start]) else {
            return nil
        }
        var (found, seen, open) = ([start], Set([start]), [start])
        while let key = open.popLast() {
            for keeper in try References.keepers(db, of: key) where seen.insert(keeper.digest).inserted {
                open.append(keeper.digest)
                guard keeper.isProtected(protection, unnamed: unnamed) else { continue }
                guard mayGo(keeper.digest), !keeper.isProtected(protection, unnamed: [keeper.digest])
                else { return nil }
                found.append(keeper.digest)
            }
        }
        return found
    }

    private func anchor(of key: Digest) -> Bool? {
        if unkept.contains(key) { return false }
        guard let anchor = anchors[key], !unnamed.contains(anchor) else { return nil }
        return true
    }

    private mutating func isKeptByOthers(_ db: Database, _ start: Digest) throws -> Bool {
        // Which blob led upwards to each.
        var origins = [start: start]
        var open = [start]
        while let key = open.popLast() {
            for keeper in try References.keepers(db, of: key) where origins[keeper.digest] == nil {
                origins[keeper.digest] = key
                switch anchor(of: keeper.digest) {
                case true?:
                    remember(keeper.digest, anchors[keeper.digest] ?? keeper.digest, origins)
                    return true
                case false?: continue
                case nil: break
                }
                if keeper.isProtected(protection, unnamed: unnamed) {
                    remember(keeper.digest, keeper.digest, origins)
                    return true
                }
                open.append(keeper.digest)
            }
        }
        unkept.formUnion(origins.keys)
        return false
    }

    private mutating func remember(_ found: Digest, _ anchor: Digest, _ origins: [Digest: Digest]) {
        var key = found
        while true {
            anchors[key] = anchor
            guard let below = origins[key], below != key else { return }
            key = below
        }
    }
}
