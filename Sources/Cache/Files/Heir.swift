import Glibc

/// Who owns a directory in which root works, and gets what root makes there.
struct Heir: Sendable {
    private let user: uid_t
    private let group: gid_t

    /// - Returns: `nil` where there is nobody to give to: for any user but root, and in root's own directories.
    init?(of directory: FileStatus) {
        guard geteuid() == 0, directory.owner != 0 else { return nil }
        user = directory.owner
        group = directory.group
    }

    /// Gives a file or directory of root's away.
    ///
    /// One that has another name too may be anything of root's. Where the file system knows no owners nothing is given, as nobody
    /// is kept out.
    func receive(_ file: OpenFile) {
        guard let status = try? file.status(), status.owner == 0 else { return }
        guard status.isDirectory || !status.hasOtherNames else { return }
        _ = fchown(file.descriptor, user, group)
    }
}
