package import OCI

/// Why the cache could not do something; its text is one line and says what to do.
package struct CacheError: Error, Sendable, CustomStringConvertible {
    /// What went wrong.
    package enum Kind: String, Sendable {
        /// The configured path is something else than a directory.
        case notADirectory
        /// The system denies access, or the file system is read-only.
        case permission
        /// A directory of the cache is a symbolic link, or somebody else may write to it.
        case untrusted
        /// The cache is on a file system whose locks and syncs cannot be relied on, or on more than one.
        case unsuitableFileSystem
        /// Written by a newer version.
        case newerSchema
        /// The index cannot be used and could not be replaced.
        case damagedIndex
        /// Another process holds a lock for too long.
        case locked
        /// The disk or a quota is full.
        case diskFull
        /// The disk or another system call failed.
        case inputOutput
        /// A source sends other bytes than the digest names, again and again.
        case digestMismatch
        /// A stored file holds other bytes than its name says; it has been put aside.
        case corrupt
        /// A download began again, so what was read of it before is void: read from the beginning.
        case restarted
        /// Something is named that the cache does not hold.
        case missing
        /// A file of that name is there and must not be replaced.
        case exists
        /// A directory that holds somebody else's files.
        case foreign
        /// Names were lost with the index, so that nobody knows what is still needed.
        case lostNames
        /// An archive that may not be imported: malformed, hostile, incomplete, or not signed as demanded.
        case refusedArchive
        /// The cache's scope has ended.
        case closed
    }

    package let kind: Kind
    /// What was being done: `open the cache`.
    package let action: String
    package let path: String?
    package let digest: Digest?
    /// The system's error number, where one is known.
    package let code: Int32?
    /// What is wrong and what to do about it.
    package let reason: String
    package let cause: (any Error)?

    package init(
        _ kind: Kind,
        _ action: String,
        path: String? = nil,
        digest: Digest? = nil,
        code: Int32? = nil,
        _ reason: String,
        cause: (any Error)? = nil
    ) {
        self.kind = kind
        self.action = action
        self.path = path
        self.digest = digest
        self.code = code
        self.reason = reason
        self.cause = cause
    }

    package var description: String {
        let place = path.map { " \($0.displaySafe(limit: 1024))" } ?? ""
        return "cannot \(action)\(place): \(reason)"
    }
}
