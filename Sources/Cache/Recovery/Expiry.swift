import Logging
import OCI

/// Gives up what is kept for a time alone: earlier digests of tags, and what volumes have brought whose others have not come.
///
/// That its time is over may as well mean that the clock was behind when it came, or is ahead now. So it goes only when a
/// week has passed since that was seen, and by the clock as it was then.
struct Expiry: Sendable {
    let store: Store

    /// Stopped at any point it can be run again; writes nothing while nothing is due.
    ///
    /// - Throws: ``CacheError``.
    func run() throws {
        let now = store.now
        let (isDue, dueSince) = try store.index.read { db in
            let isDue = try db.history.isDue(at: now) || db.imports.isDue(at: now)
            return (isDue, try db.meta.value(of: MetaRows.Key.dueSince).flatMap(Int64.init))
        }
        guard isDue else { return try note(nil, instead: dueSince) }
        guard let since = dueSince, since <= now else { return try note(now, instead: dueSince) }
        guard now - since >= FutureTimes.patience else { return }
        let sets = try store.index.write { db in
            try db.history.expire(at: since)
            let sets = try db.imports.expire(at: since)
            let isMore = try db.history.isDue(at: now) || db.imports.isDue(at: now)
            try db.meta.note(isMore ? now : nil, as: MetaRows.Key.dueSince)
            return sets
        }
        for set in sets {
            store.configuration.logger.warning(
                "the other volumes of a set have not come; what is here of them alone is not kept any longer",
                metadata: ["set": "\(set)"]
            )
        }
    }

    private func note(_ time: Int64?, instead former: Int64?) throws(CacheError) {
        guard time != former else { return }
        try store.index.write { try $0.meta.note(time, as: MetaRows.Key.dueSince) }
    }
}
