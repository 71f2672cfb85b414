package import Glibc

/// What is known about a file without reading it.
package struct FileStatus: Sendable {
    package let device: UInt64
    package let inode: UInt64
    package let size: Int64
    /// Bytes that it takes on the disk, also those that are reserved behind its end.
    package let allocated: Int64
    package let owner: UInt32
    let group: UInt32
    package let mode: UInt32
    package let links: UInt64
    /// Seconds since 1970.
    package let modifiedAt: Int64
    /// When content and status changed last, in nanoseconds.
    private let changedAt: Version.Times

    package init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        allocated = Int64(status.st_blocks) * 512
        owner = status.st_uid
        group = status.st_gid
        mode = status.st_mode
        links = UInt64(status.st_nlink)
        modifiedAt = Int64(status.st_mtim.tv_sec)
        changedAt = Version.Times(content: Self.nanoseconds(status.st_mtim), status: Self.nanoseconds(status.st_ctim))
    }

    package var isRegular: Bool { mode & S_IFMT == S_IFREG }
    package var isDirectory: Bool { mode & S_IFMT == S_IFDIR }

    /// Whether a file has more than one name; one that was removed while it was looked at has none.
    var hasOtherNames: Bool { links > 1 }

    /// Whether both are the same file, under whatever names.
    package func isSameFile(as other: FileStatus) -> Bool {
        device == other.device && inode == other.inode
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// Which file it is, with which content; the same as long as nobody has changed it, as far as the system notes that.
    package var version: Version { Version(device: device, inode: inode, size: size, changedAt: changedAt) }

    /// See ``FileStatus/version``.
    package struct Version: Hashable, Sendable {
        /// A number by which this process knows it again.
        var fingerprint: UInt64 { UInt64(bitPattern: Int64(hashValue)) }

        fileprivate struct Times: Hashable, Sendable {
            let content: Int64
            let status: Int64
        }

        fileprivate let device: UInt64
        fileprivate let inode: UInt64
        /// In bytes.
        package let size: Int64
        fileprivate let changedAt: Times
    }
}

extension FileStatus.Version {
    /// All of it, to be kept across processes.
    package var words: (Int64, Int64, Int64, Int64, Int64) {
        (Int64(bitPattern: device), Int64(bitPattern: inode), size, changedAt.content, changedAt.status)
    }

    package init(words: (Int64, Int64, Int64, Int64, Int64)) {
        self.init(
            device: UInt64(bitPattern: words.0),
            inode: UInt64(bitPattern: words.1),
            size: words.2,
            changedAt: Times(content: words.3, status: words.4)
        )
    }
}
