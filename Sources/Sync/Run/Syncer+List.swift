import Logging
import OCI
import Registry

extension Syncer {
    /// What `--list` prints.
    package struct Listing: Sendable {
        /// `source:tag -> target:tag`, in the configuration's order, newest tag first.
        package let lines: [String]
        /// Entries whose tags could not be listed.
        package let failures: Int
    }

    /// The tags that a run would mirror, whether or not the target has them; asks the sources only.
    ///
    /// - Throws: `CancellationError` only.
    package func list() async throws -> Listing {
        let chosen = configuration.entries.indices.filter { options.entries?.contains($0) ?? true }
        let found = try await withThrowingTaskGroup(of: (Int, [String]?).self) { group in
            var found: [Int: [String]?] = [:]
            for (position, entry) in chosen.enumerated() {
                if position >= Self.planningParallelism, let (entry, lines) = try await group.next() {
                    found[entry] = lines
                }
                group.addTask { (entry, try await lines(of: entry)) }
            }
            for try await (entry, lines) in group { found[entry] = lines }
            return found
        }
        return Listing(
            lines: chosen.flatMap { (found[$0] ?? nil) ?? [] },
            failures: found.values.count { $0 == nil }
        )
    }

    private func lines(of position: Int) async throws -> [String]? {
        let entry = configuration.entries[position]
        do {
            let selection = try await EntryPlanner(
                entry: entry,
                source: source(of: entry),
                client: client,
                cache: cache
            ).selection()
            for warning in selection.warnings { logger.warning("\(warning)", metadata: entry.metadata) }
            return selection.tags.map { "\(entry.source):\($0.source.name) -> \(entry.target):\($0.target)" }
        } catch let error where !error.isCancellation {
            _ = failure(of: entry, position: position, tag: nil, error: error)
            return nil
        }
    }
}
