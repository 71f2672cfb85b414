import Logging
import OCI
import Registry

extension Syncer {
    /// What `--list` prints.
    package struct Listing: Sendable {
        /// `source:tag -> target:tag`, in the configuration's order, newest tag first.
        package fileprivate(set) var lines: [String]
        /// Entries whose tags could not be listed, and tags that may not be written.
        package fileprivate(set) var failures: Int
    }

    /// The tags that a run would mirror, whether or not the target has them; asks the sources only.
    ///
    /// - Throws: `CancellationError` only.
    package func list() async throws -> Listing {
        let chosen = configuration.entries.indices.filter { options.entries?.contains($0) ?? true }
        var listing = Listing(lines: [], failures: 0)
        for outcome in try await planner.plan(chosen, to: .names).outcomes {
            let entry = configuration.entries[outcome.entry]
            switch outcome {
            case .failed(let position, let error):
                _ = failure(of: entry, position: position, tag: nil, error: error)
                listing.failures += 1
            case .planned(let plan):
                for warning in plan.warnings { logger.warning("\(warning)", metadata: entry.metadata) }
                for tag in plan.tags {
                    listing.lines.append("\(entry.source):\(tag.source) -> \(entry.target):\(tag.target)")
                    guard case .refused(let error) = tag.decision else { continue }
                    _ = failure(of: entry, position: plan.entry, tag: tag, error: error)
                    listing.failures += 1
                }
            }
        }
        return listing
    }
}
