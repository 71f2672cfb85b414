import CLinux
import Glibc
import OCI

/// The directories of one cache, opened once and reached only through their descriptors.
///
/// ```
/// oci-layout  index.json  index.sqlite  blobs/<algorithm>/<hex>
/// ingest/<algorithm>-<hex>  locks/store, locks/00…ff  leases/<id>  quarantine/<algorithm>-<hex>.<time>
/// backup/index-<n>.sqlite
/// ```
struct StoreDirectory: Sendable {
    let path: String
    let root: Directory
    let blobs: BlobFiles
    let ingest: Directory
    let locks: Directory
    let leases: Directory
    let quarantine: Directory
    let backup: Directory

    /// Opens the directories, creating what is missing.
    ///
    /// - Throws: ``CacheError``: not a directory, no permission, a symbolic link inside, a network file system.
    init(path: String) throws(CacheError) {
        self.path = path
        root = try Self.openRoot(path)
        try Self.checkFileSystem(root)
        let rootDevice = try Self.status(of: root).device
        let open = { (name: String, parent: Directory) throws(CacheError) in
            try Self.open(name, in: parent, device: rootDevice)
        }
        let parent = try open("blobs", root)
        blobs = BlobFiles(parent, sha256: try open("sha256", parent), sha512: try open("sha512", parent))
        ingest = try open("ingest", root)
        locks = try open("locks", root)
        leases = try open("leases", root)
        quarantine = try open("quarantine", root)
        backup = try open("backup", root)
    }

    /// Why no blob can be written now; `nil` when one can, as far as the system tells.
    var refusal: CacheError? {
        do throws(SystemError) {
            try ingest.checkWritable()
            return nil
        } catch {
            return CacheError(error, "write to the cache", path: path)
        }
    }

    /// Whether it was removed, or another directory has its path by now: what is done in this one nobody finds again.
    var isReplaced: Bool {
        guard let opened = try? Self.status(of: root) else { return false }
        guard let there = try? Self.status(of: Directory(path: path)) else { return opened.links == 0 }
        return !opened.isSameFile(as: there)
    }

    /// Opens the directories of a cache that cannot be written, whoever owns it; what is read is hashed anyway.
    ///
    /// A part that is missing or closed to this user is taken for empty.
    ///
    /// - Throws: ``CacheError``.
    init(readOnly path: String) throws(CacheError) {
        self.path = path
        do throws(SystemError) {
            root = try Directory(path: path)
            let parent = try root.existing("blobs")
            let sha512 = (try? parent.existing("sha512")) ?? root
            blobs = BlobFiles(parent, sha256: try parent.existing("sha256"), sha512: sha512)
        } catch {
            throw CacheError(error, Self.action, path: path)
        }
        let root = self.root
        let part = { (name: String) in (try? root.existing(name)) ?? root }
        ingest = part("ingest")
        locks = part("locks")
        leases = part("leases")
        quarantine = part("quarantine")
        backup = part("backup")
    }

    /// The names in one of the cache's directories, without order.
    static func names(in directory: Directory) throws(CacheError) -> [String] {
        do throws(SystemError) {
            return try directory.names()
        } catch {
            throw CacheError(error, "list", path: directory.path)
        }
    }
}

extension StoreDirectory {
    private static let action = "open the cache"

    private static func openRoot(_ path: String) throws(CacheError) -> Directory {
        let root: Directory
        do throws(SystemError) {
            try createDirectories(path)
            root = try Directory(path: path).givingToOwner()
        } catch {
            throw CacheError(error, action, path: path)
        }
        try protect(root)
        return root
    }

    private static func createDirectories(_ path: String) throws(SystemError) {
        var prefix = path.hasPrefix("/") ? "/" : ""
        for component in path.split(separator: "/") {
            prefix += component
            do throws(SystemError) {
                try SystemError.check("mkdir") { mkdir(prefix, 0o700) }
                // What can be searched but not read cannot be synced; nothing more can be done then.
                try? Directory(path: prefix + "/..").sync()
            } catch {
                var status = stat()
                guard stat(prefix, &status) == 0 else {
                    // The name of a link that leads nowhere is taken.
                    throw error.code == EEXIST ? SystemError(call: "mkdir", code: ENOENT) : error
                }
                guard FileStatus(status).isDirectory else { throw SystemError(call: "mkdir", code: ENOTDIR) }
            }
            prefix += "/"
        }
    }

    /// Nobody else may put files into the cache.
    ///
    /// What this user owns is made so; the rest is refused.
    private static func protect(_ root: Directory) throws(CacheError) {
        let status = try status(of: root)
        let user = geteuid()
        guard user == 0 || status.owner == user || status.owner == 0 else {
            throw CacheError(
                .untrusted,
                action,
                path: root.path,
                "it belongs to user \(status.owner); run as that user, or choose another --cache-dir"
            )
        }
        guard status.mode & 0o022 != 0 else { return }
        do throws(SystemError) {
            try root.file.setMode(mode_t(status.mode & 0o755))
        } catch {
            throw CacheError(
                .untrusted,
                action,
                path: root.path,
                code: error.code,
                "other users may write to it; run 'chmod go-w' on it, or choose a directory inside it",
                cause: error
            )
        }
    }

    private static func checkFileSystem(_ root: Directory) throws(CacheError) {
        guard let name = FileSystemKind.networkName(magic: clinux_filesystem_magic(root.file.descriptor)) else {
            return
        }
        throw CacheError(
            .unsuitableFileSystem,
            action,
            path: root.path,
            "it is on \(name), whose locks cannot be relied on; put the cache on a local disk with --cache-dir"
        )
    }

    private static func open(_ name: String, in parent: Directory, device: UInt64) throws(CacheError) -> Directory {
        let path = "\(parent.path)/\(name)"
        do throws(SystemError) {
            let directory = try parent.subdirectory(name) { isOwn($0, in: name) }
            guard try directory.file.status().device == device else {
                throw SystemError(call: "open", code: EXDEV)
            }
            return directory
        } catch {
            switch error.code {
            case EXDEV:
                throw CacheError(
                    .unsuitableFileSystem,
                    action,
                    path: path,
                    "it is on another file system than the cache itself; a cache must be on one"
                )
            case ENOTDIR where isLink(name, in: parent):
                throw CacheError(SystemError(call: "open", code: ELOOP), action, path: path)
            default: throw CacheError(error, action, path: path)
            }
        }
    }

    /// Whether this program gives such names in a directory of the cache's.
    private static func isOwn(_ name: String, in directory: String) -> Bool {
        let beginnings: [String]
        switch directory {
        case "blobs": return Digest.Algorithm(rawValue: name) != nil
        case "sha256", "sha512": return (try? Digest("\(directory):\(name)")) != nil
        case "leases": return name.allSatisfy { $0.isHexDigit || $0 == "-" }
        case "locks":
            if name.count == 2, name.allSatisfy(\.isHexDigit) { return true }
            if ["store", "layout", "import", "backup", "room"].contains(name) { return true }
            beginnings = ["volumes-", "referrers-"]
        case "ingest":
            beginnings = [Ingest.anonymousPrefix, Ingest.stagedPrefix, Ingest.partPrefix, "sha256-", "sha512-"]
        case "quarantine": beginnings = ["index.", "sha256-", "sha512-"]
        default: beginnings = ["index-", ".index."]
        }
        return beginnings.contains(where: name.hasPrefix)
    }

    private static func isLink(_ name: String, in parent: Directory) -> Bool {
        guard let status = try? parent.status(name) else { return false }
        return status.mode & S_IFMT == S_IFLNK
    }

    private static func status(of directory: Directory) throws(CacheError) -> FileStatus {
        do throws(SystemError) {
            return try directory.file.status()
        } catch {
            throw CacheError(error, action, path: directory.path)
        }
    }
}
