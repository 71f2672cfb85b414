import Cache
import Glibc
import OCI

/// What reading, writing and importing archives fails with, in the cache's terms.
extension CacheError {
    /// Says that an archive is refused, and which.
    init(_ refusal: ArchiveRefusal, archive: String) {
        self.init(.refusedArchive, "import", path: archive, "\(refusal)", cause: refusal)
    }

    /// What a failed system call on the cache means for an import.
    init(_ error: SystemError, importingInto cache: ContentCache) {
        self.init(error, "import into", path: cache.path)
    }

    /// What an archive needs and the cache lacks; names all of it.
    static func incomplete(_ missing: [Digest]) -> CacheError {
        let missing = Set(missing).sorted()
        return CacheError(
            .missing,
            "export",
            digest: missing.first,
            "the cache lacks \(missing.map(\.description).joined(separator: ", ")): sync first, or leave --offline out"
        )
    }

    static func damaged(_ digest: Digest, in cache: ContentCache) -> CacheError {
        let rest =
            cache.isReadOnly
            ? "it stays, as the cache is only read here: run 'imglife cache verify --repair' where it can be written"
            : "it is put aside, and the next run downloads it again"
        return CacheError(.corrupt, "read \(digest)", digest: digest, "the cache's copy holds other bytes; \(rest)")
    }

    /// Says what a failed system call means for an archive that is being written.
    init(archive error: SystemError, path: String) {
        let (kind, advice): (Kind, String?) =
            switch error.code {
            case ENOSPC, EDQUOT: (.diskFull, "free some space, or write somewhere else with -o")
            case EFBIG:
                (.diskFull, "its file system or a limit (ulimit -f) takes no file so large; try --volume-size")
            case EACCES, EPERM, EROFS: (.permission, "write somewhere else with -o")
            case EEXIST: (.exists, "use --force to replace it, or another name with -o")
            case EISDIR: (.notADirectory, "name a file with -o")
            case ENOTBLK: (.exists, "it is a disk; write to it with 'imglife export -o - … | dd of=DISK bs=1M'")
            case ENXIO: (.exists, "it is a socket; write to standard output, with -o -, and send that")
            case ENOENT, ENOTDIR: (.notADirectory, "its directory must be there")
            case EWOULDBLOCK: (.locked, "another imglife process is writing it")
            case ELOOP: (.untrusted, "a symbolic link is in its way; remove it")
            case EPIPE: (.inputOutput, "whoever reads it went away")
            default: (.inputOutput, nil)
            }
        self.init(
            kind,
            "write",
            path: path,
            code: error.code,
            advice.map { "\(error.reason); \($0)" } ?? "\(error.reason) (\(error.call))",
            cause: error
        )
    }
}
