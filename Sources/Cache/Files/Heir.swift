import Glibc

/// Who owns a directory in which root works, and gets what root makes there.
///
/// What is there already may be anything of root's: whoever owns a directory can move into it what they may not read.
struct Heir: Sendable {
    private let user: uid_t
    private let group: gid_t

    /// - Returns: `nil` where there is nobody to give to: for any user but root, and in root's own directories.
    init?(of directory: FileStatus) {
        guard geteuid() == 0, directory.owner != 0 else { return nil }
        user = directory.owner
        group = directory.group
    }

    /// Gives a file or directory of root's away that tells nothing: an empty file with this one name, or a directory that
    /// holds only what a cache does.
    ///
    /// Where the file system knows no owners nothing is given, as nobody is kept out.
    func receive(_ file: OpenFile, holdsOwn: () -> Bool = { false }) {
        guard let status = try? file.status(), status.owner == 0 else { return }
        let isEmpty = status.isRegular && status.size == 0 && !status.hasOtherNames
        guard isEmpty || status.isDirectory && holdsOwn() else { return }
        _ = fchown(file.descriptor, user, group)
    }

    /// Whether they may read a file, or have themselves allowed to, so that it can be copied for them.
    func mayRead(_ file: FileStatus) -> Bool {
        if file.owner == user { return true }
        return file.mode & (file.group == group ? S_IRGRP : S_IROTH) != 0
    }
}
