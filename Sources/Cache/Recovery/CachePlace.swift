import Glibc
import NIOCore
import OCI

/// What is at the path where a cache is to be opened: decides before anything is created there.
package enum CachePlace {
    private static let action = "open the cache"

    /// What this program puts into a cache's directory, beside `index.json`, which others write too.
    private static let ownNames: Set<String> = [
        "blobs", "ingest", "locks", "leases", "quarantine", "backup", "ballast", "oci-layout",
        "schedule.json",
        // A new file system has it.
        "lost+found",
    ]
    private static let ownPrefixes = ["index.rebuild.sqlite", ".oci-layout.", ".index.json.", ".schedule.json."]

    /// Finds out whether there is a cache, or one may be made, as the mode is; creates nothing.
    ///
    /// - Throws: ``CacheError``: `missing`; `foreign` for a directory of somebody else's; `permission` and others for one
    ///   that cannot be looked into.
    package static func check(_ path: String, _ mode: CacheConfiguration.Mode) throws(CacheError) {
        let kind: Kind
        do throws(SystemError) {
            kind = try self.kind(path)
        } catch {
            throw CacheError(error, action, path: path)
        }
        switch kind {
        case .cache: return
        case .free where mode == .create: return
        case .other where mode == .create: throw foreign(path)
        case .free, .other: throw none(path)
        }
    }

    private enum Kind {
        /// A cache, also one that has lost its index.
        case cache
        /// A place where one may be made.
        case free
        /// Somebody else's files.
        case other
    }

    private static func kind(_ path: String) throws(SystemError) -> Kind {
        guard let root = try open(path) else { return .free }
        if try holdsCache(root) { return .cache }
        return try isFree(root) ? .free : .other
    }

    /// Whether there is a cache, also one that has lost its index; creates nothing.
    ///
    /// - Throws: ``CacheError`` when that cannot be found out, for want of permission for instance.
    package static func holdsCache(_ path: String) throws(CacheError) -> Bool {
        do throws(SystemError) {
            guard let root = try open(path) else { return false }
            return try holdsCache(root)
        } catch {
            throw CacheError(error, action, path: path)
        }
    }

    /// - Returns: `nil` when nothing is there.
    private static func open(_ path: String) throws(SystemError) -> Directory? {
        do throws(SystemError) {
            return try Directory(path: path)
        } catch {
            guard error.code == ENOENT else { throw error }
            return nil
        }
    }

    /// Whether two of the three are there that no cache is without: other programs have an `index.sqlite` too.
    private static func holdsCache(_ root: Directory) throws(SystemError) -> Bool {
        let directories = [try root.status("locks"), try root.status("blobs")].count { $0?.isDirectory == true }
        return try directories + (root.status(CacheIndex.fileName) == nil ? 0 : 1) >= 2
    }

    /// Whether a cache may be made there: in an image layout whose index can be read, so that its entries are kept; or
    /// where there is nothing but what an interrupted beginning has left.
    private static func isFree(_ root: Directory) throws(SystemError) -> Bool {
        let (marker, list) = (try root.status("oci-layout"), try root.status(LayoutIndex.fileName))
        if marker?.isRegular == true, list != nil { return try LayoutIndex(root)?.isWhole == true }
        return try root.names().allSatisfy(isOwn)
    }

    private static func isOwn(_ name: String) -> Bool {
        ownNames.contains(name) || ownPrefixes.contains(where: name.hasPrefix)
    }

    private static func none(_ path: String) -> CacheError {
        CacheError(
            .missing,
            action,
            path: path,
            "there is no cache; name one with --cache-dir, check that its disk is mounted, or fill one with "
                + "'imglife sync' or 'imglife import'"
        )
    }

    private static func foreign(_ path: String) -> CacheError {
        CacheError(
            .foreign,
            action,
            path: path,
            "it holds other files, and neither a cache nor an OCI image layout that can be read; choose an empty directory "
                + "with --cache-dir"
        )
    }
}
