package import Glibc

/// What is known about a file without reading it.
package struct FileStatus: Sendable {
    package let device: UInt64
    package let inode: UInt64
    package let size: Int64
    /// Bytes that it takes on the disk, also those that are reserved behind its end.
    package let allocated: Int64
    package let owner: UInt32
    package let mode: UInt32
    package let links: UInt64
    /// Seconds since 1970.
    package let modifiedAt: Int64
    /// When content or status changed last, as the system writes it.
    private let changedAt: [Int]

    package init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        allocated = Int64(status.st_blocks) * 512
        owner = status.st_uid
        mode = status.st_mode
        links = UInt64(status.st_nlink)
        modifiedAt = Int64(status.st_mtim.tv_sec)
        changedAt = [status.st_mtim, status.st_ctim].flatMap { [$0.tv_sec, $0.tv_nsec] }
    }

    package var isRegular: Bool { mode & S_IFMT == S_IFREG }
    package var isDirectory: Bool { mode & S_IFMT == S_IFDIR }

    /// Whether both are the same file, under whatever names.
    package func isSameFile(as other: FileStatus) -> Bool {
        device == other.device && inode == other.inode
    }

    /// Whether it is the same file with the same content, as far as the system notes changes.
    package func isUnchanged(since earlier: FileStatus) -> Bool {
        isSameFile(as: earlier) && size == earlier.size && changedAt == earlier.changedAt
    }
}
