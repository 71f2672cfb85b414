import Glibc

extension ContentCache {
    /// Removes partials that nobody works on and nobody has touched for long, and those that nobody could go on with.
    ///
    /// - Returns: the bytes of each.
    func removeOldPartials(isDryRun: Bool) throws -> [Int64] {
        let now = configuration.now()
        return try StoreDirectory.names(in: directory.ingest).compactMap { name in
            let isAnonymous = name.hasPrefix(Partial.anonymousPrefix)
            guard let status = try directory.ingest.status(name), status.isRegular,
                isAnonymous || now - status.modifiedAt > Partial.lifetime(of: name),
                let lock = try directory.ingest.lockIfFree(name)
            else { return nil }
            defer { lock.unlock() }
            if !isDryRun { try directory.ingest.remove(name) }
            return status.size
        }
    }
}
