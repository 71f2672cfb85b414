import Glibc

extension Store {
    /// Removes partials that nobody works on and nobody has touched for long, and those that nobody could go on with.
    ///
    /// Those that stay give back what was reserved behind their ends.
    ///
    /// - Returns: the bytes of each that was removed.
    func removeOldPartials(
        within grace: Duration = CollectionOptions.defaultGrace,
        isDryRun: Bool
    ) throws -> [Int64] {
        let now = self.now
        return try StoreDirectory.names(in: directory.ingest).compactMap { name in
            guard let status = try directory.ingest.status(name), status.isRegular else { return nil }
            let isOld =
                name.hasPrefix(Partial.anonymousPrefix)
                || now - status.modifiedAt >= Partial.lifetime(of: name, within: grace)
            let isReserved = status.allocated >= status.size + Reservation.smallest
            guard isOld || isReserved,
                let lock = try directory.ingest.lockIfFree(name, flags: isOld ? O_RDONLY : O_RDWR)
            else { return nil }
            defer { lock.unlock() }
            guard isOld else {
                if !isDryRun { try lock.giveBackReserve() }
                return nil
            }
            if !isDryRun { try directory.ingest.remove(name) }
            // What was set aside and never written counts, for it is what comes free.
            return isReserved ? status.allocated : status.size
        }
    }
}
