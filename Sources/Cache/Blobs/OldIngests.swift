import Glibc

/// The files of `ingest/` that nobody works on.
struct OldIngests: Sendable {
    let store: Store

    private var ingest: Directory { store.directory.ingest }

    /// Removes partials that nobody works on and nobody has touched for long, and those that nobody could go on with.
    ///
    /// A grace that is shorter than the ordinary one counts only where no import is at work.
    /// Those that stay give back what was reserved behind their ends.
    ///
    /// - Returns: the bytes of each that was removed.
    func remove(
        within grace: Duration = CollectionOptions.defaultGrace,
        isDryRun: Bool
    ) throws(CacheError) -> [Int64] {
        var grace = grace
        var imports: OpenFile?
        defer { imports?.unlock() }
        if grace < CollectionOptions.defaultGrace {
            imports = try store.locks.tryAcquire("import", .exclusive)
            if imports == nil { grace = CollectionOptions.defaultGrace }
        }
        do throws(SystemError) {
            var removed: [Int64] = []
            for name in try ingest.names() {
                if let bytes = try remove(name, grace, isDryRun) { removed.append(bytes) }
            }
            return removed
        } catch {
            throw CacheError(error, "tidy", path: ingest.path)
        }
    }

    /// - Returns: its bytes; `nil` when it stays.
    private func remove(_ name: String, _ grace: Duration, _ isDryRun: Bool) throws(SystemError) -> Int64? {
        guard let status = try ingest.status(name), status.isRegular else { return nil }
        let isOld =
            name.hasPrefix(Ingest.anonymousPrefix)
            || store.now - status.modifiedAt >= Ingest.lifetime(of: name, within: grace)
        let isReserved = status.allocated >= status.size + Reservation.smallest
        guard isOld || isReserved,
            let lock = try ingest.lockIfFree(name, flags: isOld ? O_RDONLY : O_RDWR)
        else { return nil }
        defer { lock.unlock() }
        guard isOld else {
            if !isDryRun { try lock.giveBackReserve() }
            return nil
        }
        if !isDryRun { try ingest.remove(name) }
        // What was set aside and never written counts, for it is what comes free.
        return isReserved ? status.allocated : status.size
    }

    /// What each download takes on the disk that was begun and that nobody goes on with now, in bytes.
    func interrupted() throws(CacheError) -> [Int64] {
        do throws(SystemError) {
            var sizes: [Int64] = []
            for name in try ingest.names()
            where !name.hasPrefix(Ingest.anonymousPrefix) && !name.hasPrefix(Ingest.partPrefix) {
                guard let file = try ingest.lockIfFree(name) else { continue }
                defer { file.unlock() }
                let status = try file.status()
                sizes.append(max(status.size, status.allocated))
            }
            return sizes
        } catch {
            throw CacheError(error, "list", path: ingest.path)
        }
    }
}
