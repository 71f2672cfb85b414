import Glibc
package import OCI

/// A file in `ingest/` whose bytes have been hashed, waiting for the archive to be found good.
///
/// It is not kept open: an archive can have more blobs than a process may have files. That another process did something to
/// it meanwhile is seen by its status; its bytes are hashed again then. Who takes it over changes its status, so that nobody
/// removes what another relies on.
package struct StagedFile: Sendable {
    package let digest: Digest
    package let size: Int64
    /// Where it is not named after its digest: an archive can have so many that a name each counts.
    package let ownName: String?
    /// By which this process knows the file again.
    package let version: UInt64

    package init(digest: Digest, size: Int64, ownName: String?, version: UInt64) {
        self.digest = digest
        self.size = size
        self.ownName = ownName
        self.version = version
    }

    init(digest: Digest, size: Int64, name: String, status: FileStatus) {
        self.init(
            digest: digest,
            size: size,
            ownName: name == Ingest.name(digest) ? nil : name,
            version: status.version.fingerprint
        )
    }

    /// Its name in `ingest/`.
    package var name: String { ownName ?? Ingest.name(digest) }

    /// Begins the names of what volumes of a set have brought of blobs that they share.
    package static func partPrefix(of set: Digest?) -> String { Ingest.partPrefix(of: set) }

    /// Ends the name of the file that a blob's parts are written into.
    package static let wholeSuffix = Ingest.wholeSuffix

    /// The name in `ingest/` under which a blob of that digest is gathered, whoever gathers it.
    package static func name(of digest: Digest) -> String { Ingest.name(digest) }

    /// What has become of it.
    enum Reopened {
        /// Locked, and nobody has touched it.
        case unchanged(Ingest)
        /// Locked, and another process has taken it over, or put its own in its place: what its bytes are is not known.
        case changed(Ingest)
        /// Another process has it.
        case busy
        /// It has become a blob, or was removed.
        case gone
    }

    /// Opens and locks it again.
    func reopen(in store: Store) throws(SystemError) -> Reopened {
        let directory = store.directory.ingest
        do throws(SystemError) {
            let file = try directory.openToLock(name)
            switch try FileLock.attempt(on: file, named: name, in: directory) {
            case .taken(let file):
                let ingest = Ingest(file, name, in: store)
                return try file.status().version.fingerprint == version ? .unchanged(ingest) : .changed(ingest)
            case .busy: return .busy
            case .moved: return .gone
            }
        } catch {
            // It is another user's by now.
            if error.code == EACCES { return .busy }
            guard error.code == ENOENT else { throw error }
            return .gone
        }
    }
}
