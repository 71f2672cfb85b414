import OCI

/// Two entries whose fixed tags would be written to the same place: told before anything runs.
///
/// A tag that `os_normalize` may rename is left to the plan, which knows its name.
struct FixedTagConflict {
    let first: Int
    let second: Int
    private let place: String

    static func all(in entries: [Configuration.Entry]) -> [FixedTagConflict] {
        var writers: [String: Int] = [:]
        var conflicts: [FixedTagConflict] = []
        for (position, entry) in entries.enumerated() {
            guard case .tag(let tag) = entry.selection else { continue }
            let place = "\(entry.target):\(tag)"
            let isRenamed = entry.normalizesOS && OSVariantTag(tag).kind != .stays
            let key = "\(entry.target.withoutUsualPort):\(tag)\(isRenamed ? " renamed" : "")"
            if let first = writers[key] {
                conflicts.append(FixedTagConflict(first: first, second: position, place: place))
            } else {
                writers[key] = position
            }
        }
        return conflicts
    }

    func message(first path: String, line: Int) -> String {
        "writes \(place.displaySafe), which \(path) on line \(line) writes already; give one of them another target"
    }
}
