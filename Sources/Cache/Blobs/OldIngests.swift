import Glibc
import OCI

/// The files of `ingest/` that nobody works on.
struct OldIngests: Sendable {
    let store: Store

    private var ingest: Directory { store.directory.ingest }

    /// Removes partials that nobody works on and nobody has touched for long, and those that nobody could go on with.
    ///
    /// Parts of blobs stay as long as their set of volumes is known, whatever the clock says, unless their blobs have come
    /// another way. Where an import is at work nothing of imports goes, and a grace that is shorter than the ordinary one
    /// does not count. Those that stay give back what was reserved behind their ends. One that cannot be removed does not keep
    /// the others.
    ///
    /// - Returns: the bytes of each that was removed.
    func remove(
        within grace: Duration = CollectionOptions.defaultGrace,
        isDryRun: Bool
    ) throws(CacheError) -> [Int64] {
        let names = try StoreDirectory.names(in: ingest)
        let parts = try WaitingParts(names, store)
        let imports = ImportsAtWork(store: store)
        defer { imports.allow() }
        do throws(SystemError) {
            var grace = grace
            if grace < CollectionOptions.defaultGrace, try imports.areThere() { grace = CollectionOptions.defaultGrace }
            var removed: [Int64] = []
            for name in names {
                let lifetime = parts.lifetime(of: name) ?? Ingest.lifetime(of: name, within: grace)
                if let bytes = remove(name, lifetime, isDryRun, imports) { removed.append(bytes) }
            }
            return removed
        } catch {
            throw imports.failure ?? CacheError(error, "tidy", path: ingest.path)
        }
    }

    /// - Returns: its bytes; `nil` when it stays.
    private func remove(
        _ name: String,
        _ lifetime: Int64,
        _ isDryRun: Bool,
        _ imports: ImportsAtWork
    ) -> Int64? {
        do throws(SystemError) {
            return try removeIfOld(name, lifetime, isDryRun, imports)
        } catch {
            store.leftovers.note(imports.failure ?? CacheError(error, "remove", path: "\(ingest.path)/\(name)"))
            return nil
        }
    }

    private func removeIfOld(
        _ name: String,
        _ lifetime: Int64,
        _ isDryRun: Bool,
        _ imports: ImportsAtWork
    ) throws(SystemError) -> Int64? {
        guard let status = try ingest.status(name), status.isRegular else { return nil }
        // Without grace a time that lies ahead, from when the clock was wrong, keeps nothing either.
        let isOld =
            name.hasPrefix(Ingest.anonymousPrefix) || lifetime <= 0 || store.now - status.modifiedAt >= lifetime
        let isReserved = status.allocated >= status.size + Reservation.smallest
        guard isOld || isReserved else { return nil }
        if Ingest.isStaged(status, name), try imports.areThere() { return nil }
        guard let lock = try ingest.lockIfFree(name, flags: isOld ? O_RDONLY : O_RDWR)
        else { return nil }
        defer { lock.unlock() }
        // Somebody may have gone on with it until just before.
        guard try lock.status().version == status.version else { return nil }
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
                // Shared, so that nobody who wants to go on with it is in the way of who only looks.
                guard let file = try ingest.lockIfFree(name, .shared) else { continue }
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
            guard Ingest.isStaged(status, name) else {
                downloads += 1
                downloadBytes += bytes
                return
            }
            // The marks of parts are no blobs of their own.
            if !name.hasPrefix(Ingest.partPrefix) || name.hasSuffix(Ingest.wholeSuffix) { imports += 1 }
            importBytes += bytes
        }
    }
}

/// Which parts of blobs are of use.
private struct WaitingParts {
    /// What the names of those begin with whose set is known.
    private var awaited: [String] = []
    /// The blobs that are here.
    private var present: Set<Digest> = []

    init(_ names: [String], _ store: Store) throws(CacheError) {
        let blobs = Set(names.compactMap(Ingest.blob(ofPart:)))
        guard !blobs.isEmpty else { return }
        (awaited, present) = try store.index.read { db in
            let sets = try db.imports.sets().map { Ingest.partPrefix(of: $0) }
            return (sets, try blobs.filter { try db.blobs.state(of: $0) == .ok })
        }
        // What cannot be looked at is not here for certain.
        present = present.filter { (try? store.directory.blobs.status(of: $0))?.isRegular == true }
    }

    /// In seconds; `nil` for what has the ordinary one.
    func lifetime(of name: String) -> Int64? {
        guard let blob = Ingest.blob(ofPart: name) else { return nil }
        if present.contains(blob) { return 0 }
        return awaited.contains { name.hasPrefix($0) } ? .max : nil
    }
}

/// Whether imports are at work, whose files wait without locks of their own; none begins from when it was found that none is.
private final class ImportsAtWork {
    private let store: Store
    private var lock: OpenFile?
    private var answer: Bool?
    /// Why it could not be found out.
    private(set) var failure: CacheError?

    init(store: Store) {
        self.store = store
    }

    func areThere() throws(SystemError) -> Bool {
        if let answer { return answer }
        let found = try find()
        answer = found
        return found
    }

    private func find() throws(SystemError) -> Bool {
        do throws(CacheError) {
            lock = try store.locks.tryAcquire("import", .exclusive)
            return lock == nil
        } catch {
            // No file can be made for the lock, so there was none: no import is at work.
            if error.kind == .diskFull { return false }
            failure = error
            throw SystemError(call: "flock", code: error.code ?? EIO)
        }
    }

    /// Lets imports begin.
    func allow() { lock?.unlock() }
}
