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
            do throws(CacheError) {
                imports = try store.locks.tryAcquire("import", .exclusive)
                if imports == nil { grace = CollectionOptions.defaultGrace }
            } catch {
                // No file can be made for the lock, so there was none: no import is at work.
                guard error.kind == .diskFull else { throw error }
            }
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
        let lifetime = Ingest.lifetime(of: name, within: grace)
        // Without grace a time that lies ahead, from when the clock was wrong, keeps nothing either.
        let isOld =
            name.hasPrefix(Ingest.anonymousPrefix) || lifetime <= 0 || store.now - status.modifiedAt >= lifetime
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

    /// What takes room here and is not worked on now.
    func waiting() throws(CacheError) -> Waiting {
        do throws(SystemError) {
            var waiting = Waiting()
            for name in try ingest.names() where !name.hasPrefix(Ingest.anonymousPrefix) {
                guard let file = try ingest.lockIfFree(name) else { continue }
                defer { file.unlock() }
                waiting.count(try file.status(), name)
            }
            return waiting
        } catch {
            throw CacheError(error, "list", path: ingest.path)
        }
    }

    /// How much waits to be gone on with, and what for.
    struct Waiting {
        /// Downloads that were begun.
        private(set) var downloads = 0
        /// What they take on the disk.
        private(set) var downloadBytes: Int64 = 0
        /// Files of archives' blobs: of imports that are at work or were interrupted, or whose other volumes are awaited.
        private(set) var imports = 0
        /// What they take on the disk.
        private(set) var importBytes: Int64 = 0

        fileprivate mutating func count(_ status: FileStatus, _ name: String) {
            let bytes = max(status.size, status.allocated)
            let isPart = name.hasPrefix(Ingest.partPrefix)
            guard isPart || name.hasPrefix(Ingest.stagedPrefix) || status.mode & 0o777 == Ingest.stagedMode else {
                downloads += 1
                downloadBytes += bytes
                return
            }
            // The marks of parts are no blobs of their own.
            if !isPart || name.hasSuffix(Ingest.wholeSuffix) { imports += 1 }
            importBytes += bytes
        }
    }
}
