import Glibc
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
        /// This program wrote what the index does not allow.
        case contradiction
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

// MARK: What the system says

extension CacheError {
    /// Says what a failed system call means for the cache.
    package init(_ error: SystemError, _ action: String, path: String? = nil, digest: Digest? = nil) {
        let (kind, advice) = Self.meaning(of: error.code)
        self.init(
            kind,
            action,
            path: path,
            digest: digest,
            code: error.code,
            advice.map { "\(error.reason); \($0)" } ?? "\(error.reason) (\(error.call))",
            cause: error
        )
    }

    /// Whether it says that the cache cannot keep a blob now, rather than something about the blob.
    package var isOfKeeping: Bool {
        switch kind {
        case .diskFull, .permission, .inputOutput, .damagedIndex, .contradiction, .locked, .notADirectory, .untrusted:
            true
        default: false
        }
    }

    /// Whether the process or the system had no file descriptor left, which passes.
    var isForWantOfDescriptors: Bool { code == EMFILE || code == ENFILE }

    var isOfFailingDisk: Bool { code.map(SystemError.codesOfFailingDisk.contains) ?? false }

    /// Whether an error number says what is to be done.
    static func hasAdvice(_ code: CInt) -> Bool { meaning(of: code).advice != nil }

    private static func meaning(of code: CInt) -> (Kind, advice: String?) {
        switch code {
        case ENOSPC:
            (.diskFull, "free some space, run 'imglife cache gc', or put the cache on a larger disk with --cache-dir")
        case EDQUOT: (.diskFull, "raise the quota, or put the cache elsewhere with --cache-dir")
        case EFBIG: (.diskFull, "the file would exceed the limit on file sizes (ulimit -f)")
        case EACCES, EPERM: (.permission, "give this user write access to it, or choose another --cache-dir")
        case EROFS: (.permission, "mount it writable, or choose another --cache-dir")
        case ENOTDIR: (.notADirectory, "choose a directory with --cache-dir")
        case ELOOP:
            (.untrusted, "it is a symbolic link, or no file at all; a cache must consist of real directories and files")
        case ENOENT: (.inputOutput, "check that its disk is mounted, and that no link in its path leads nowhere")
        case EIO, EUCLEAN, EBADMSG, ESTALE: (.inputOutput, "check the disk and its file system")
        case ENOLCK, EOPNOTSUPP, ENOSYS:
            (.inputOutput, "the file system lacks what a cache needs; choose a local disk with --cache-dir")
        case EMFILE, ENFILE: (.inputOutput, "raise the limit on open files (ulimit -n)")
        default: (.inputOutput, nil)
        }
    }

    static func digestMismatch(_ descriptor: Descriptor, place: String, actual: String) -> CacheError {
        CacheError(
            .digestMismatch,
            "download \(descriptor.digest)",
            digest: descriptor.digest,
            "the upstream \(place.displaySafe) sends other bytes than its manifest names: expected "
                + "\(descriptor.digest) of \(descriptor.size) bytes, got \(actual); push the image there again, or "
                + "look for a proxy in between that changes content"
        )
    }

    static func closed(_ action: String) -> CacheError {
        CacheError(.closed, action, "the cache has been closed")
    }
}
