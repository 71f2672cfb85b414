import Glibc
package import OCI

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
        case .diskFull, .permission, .inputOutput, .damagedIndex, .locked, .notADirectory, .untrusted: true
        default: false
        }
    }

    /// Whether the process or the system had no file descriptor left, which passes.
    var isForWantOfDescriptors: Bool { code == EMFILE || code == ENFILE }

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
        case EIO, ESTALE: (.inputOutput, "check the disk and its file system")
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
