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
    /// Whether the index is not what the last process left.
    let isAltered: Bool

    func run() throws -> CacheIndex {
        let isNew = try directory.root.status(CacheIndex.fileName) == nil
        let index = try isNew ? rebuiltIndex(former: []) : checkedIndex()
        try directory.clearSuspicion()
        let layout = ByteBuffer(bytes: try ImageLayout.index(of: index.read { try $0.names.tags() }))
        do throws(SystemError) {
            // Without its own name a directory loses all that is durable in it; the cache's own is synced with its files.
            try Directory(path: "\(directory.path)/blobs").sync()
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
        var former: Set<ImageReference> = []
        do {
            let index = try CacheIndex(path: path)
            if try !isAltered && !directory.isIndexCondemned() && isSound(index) { return index }
            former = index.readableNames()
            try index.close()
        } catch let error as CacheError where error.kind == .damagedIndex {
            configuration.logger.debug("the index is unusable", metadata: ["error": "\(error)"])
        }
        let time = try moveAside([CacheIndex.fileName, "\(CacheIndex.fileName)-journal"])
        configuration.logger.warning(
            "the index was damaged; it is rebuilt from its backup, the blobs and index.json",
            metadata: ["aside": "\(directory.quarantine.path)/\(CacheIndex.fileName).\(time)"]
        )
        return try rebuiltIndex(former: former)
    }

    private func isSound(_ index: CacheIndex) throws -> Bool {
        do {
            if try index.schemaState() == .outdated { try index.migrate(by: configuration.version) }
            if try directory.isIndexSuspect() { return try index.passesIntegrityCheck() }
            _ = try index.read { try $0.names.tags() }
            return try index.wasClosedCleanly() || index.passesQuickCheck()
        } catch let error as CacheError where error.kind == .damagedIndex {
            configuration.logger.debug("the index is unusable", metadata: ["error": "\(error)"])
            return false
        }
    }

    private var path: String { "\(directory.path)/\(CacheIndex.fileName)" }

    /// Keeps files as evidence, the index before its journal: without the journal it would be taken for another state.
    ///
    /// - Returns: the time that their new names end in.
    @discardableResult
    func moveAside(_ names: [String]) throws -> Int64 {
        let time = configuration.now()
        for name in names where try directory.root.status(name) != nil {
            try directory.root.rename(name, to: directory.quarantine, "\(name).\(time)")
        }
        try directory.root.sync()
        return time
    }
}
