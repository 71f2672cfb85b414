import FoundationEssentials
import GRDB

/// Finds out whether something that stays leads to a blob, by going from keeper to keeper.
///
/// What was found out is remembered: of many blobs that hang on one image the way is gone once.
struct KeeperSearch: Sendable {
    /// More is forgotten rather than remembered.
    private static let memoryLimit = 200_000

    let protection: References.Protection
    /// Images whose names don't count.
    private(set) var unnamed: Set<Data> = []
    /// What is known to stay, and what it hangs on.
    private var anchors: [Data: Data] = [:]
    /// What nothing leads to that stays.
    private var unkept: Set<Data> = []

    init(_ protection: References.Protection) { self.protection = protection }

    /// From now on an image's names don't count.
    mutating func ignoreNames(of key: Data) { unnamed.insert(key) }

    /// All names count again.
    mutating func restoreNames() {
        unnamed = []
        unkept = []
        if anchors.count > Self.memoryLimit { anchors = [:] }
    }

    /// Whether a blob stays, for its own sake or another's; one that is not recorded stays for another's only.
    mutating func isKept(_ db: Database, _ key: Data) throws -> Bool {
        if let anchor = anchor(of: key) { return anchor }
        let start = try References.blob(db, key)
        if let start, start.isProtected(protection, unnamed: unnamed) { return true }
        return try isKeptByOthers(db, key)
    }

    /// Whether an image would go if it had no names; then they don't count from now on.
    mutating func loses(_ db: Database, names key: Data) throws -> Bool {
        unnamed.insert(key)
        guard try isKept(db, key) else { return true }
        unnamed.remove(key)
        return false
    }

    private func anchor(of key: Data) -> Bool? {
        if unkept.contains(key) { return false }
        guard let anchor = anchors[key], !unnamed.contains(anchor) else { return nil }
        return true
    }

    private mutating func isKeptByOthers(_ db: Database, _ start: Data) throws -> Bool {
        // Which blob led upwards to each.
        var origins = [start: start]
        var open = [start]
        while let key = open.popLast() {
            for keeper in try References.keepers(db, of: key) where origins[keeper.key] == nil {
                origins[keeper.key] = key
                switch anchor(of: keeper.key) {
                case true?:
                    remember(keeper.key, anchors[keeper.key] ?? keeper.key, origins)
                    return true
                case false?: continue
                case nil: break
                }
                if keeper.isProtected(protection, unnamed: unnamed) {
                    remember(keeper.key, keeper.key, origins)
                    return true
                }
                open.append(keeper.key)
            }
        }
        unkept.formUnion(origins.keys)
        return false
    }

    private mutating func remember(_ found: Data, _ anchor: Data, _ origins: [Data: Data]) {
        var key = found
        while true {
            anchors[key] = anchor
            guard let below = origins[key], below != key else { return }
            key = below
        }
    }
}
