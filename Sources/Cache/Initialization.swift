import Glibc
import Logging
import NIOCore
import OCI

/// Makes a directory a cache, upgrades an older one, or replaces an index that was lost.
///
/// Runs under the exclusive store lock; stopped at any point it can be run again.
struct Initialization: Sendable {
    let directory: StoreDirectory
    let configuration: CacheConfiguration

    func run() throws -> CacheIndex {
        let isNew = try directory.root.status(CacheIndex.fileName) == nil
        let index = try isNew ? rebuiltIndex() : checkedIndex()
        let layout = ByteBuffer(bytes: try ImageLayout.index(of: index.tags()))
        do throws(SystemError) {
            if try directory.root.status("oci-layout") == nil {
                try directory.root.replace("oci-layout", with: ByteBuffer(string: ImageLayout.marker))
            }
            if try directory.root.status("index.json") == nil {
                try directory.root.replace("index.json", with: layout)
            }
        } catch {
            throw CacheError(error, "write the image layout", path: directory.path)
        }
        return index
    }

    private func checkedIndex() throws -> CacheIndex {
        do {
            let index = try CacheIndex(path: path)
            if try index.schemaState() == .outdated { try index.migrate() }
            if try index.wasClosedCleanly() || index.passesQuickCheck() { return index }
            try index.close()
        } catch let error as CacheError where error.kind == .damagedIndex {
            configuration.logger.debug("the index is unusable", metadata: ["error": "\(error)"])
        }
        try moveAside()
        return try rebuiltIndex()
    }

    private var path: String { "\(directory.path)/\(CacheIndex.fileName)" }

    private func moveAside() throws {
        let time = configuration.now()
        for name in [CacheIndex.fileName, "\(CacheIndex.fileName)-journal"]
        where try directory.root.status(name) != nil {
            try directory.root.rename(name, to: directory.quarantine, "\(name).\(time)")
        }
        try directory.root.sync()
        configuration.logger.warning(
            "the index was damaged; it is rebuilt from the blobs and index.json, older tags may be lost",
            metadata: ["aside": "\(directory.quarantine.path)/\(CacheIndex.fileName).\(time)"]
        )
    }
}
