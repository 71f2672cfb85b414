import Glibc
package import OCI

/// A file in `ingest/` whose bytes have been hashed, waiting for the archive to be found good.
///
/// It is not kept open: an archive can have more blobs than a process may have files. What another process did to it
/// meanwhile is seen by its status.
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

    /// Begins the names of an archive's parts of blobs, which wait for the others.
    package static let partPrefix = Ingest.partPrefix
    /// Ends the name of the file that a blob's parts are written into.
    package static let wholeSuffix = Ingest.wholeSuffix

    /// The name in `ingest/` under which a blob of that digest is gathered, whoever gathers it.
    package static func name(of digest: Digest) -> String { Ingest.name(digest) }

    /// Opens and locks it again, unchanged.
    ///
    /// - Returns: `nil` when another process has it, or has changed it.
    func reopen(in store: Store) throws(SystemError) -> Ingest? {
        do throws(SystemError) {
            let file = try store.directory.ingest.openFile(name, flags: O_RDWR)
            guard try file.tryLock(.exclusive), try file.status().version.fingerprint == version else { return nil }
            return Ingest(file, name, in: store)
        } catch {
            guard error.code == ENOENT || error.code == EACCES else { throw error }
            return nil
        }
    }
}
