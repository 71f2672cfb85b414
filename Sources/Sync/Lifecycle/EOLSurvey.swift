import Concurrency
package import Lifecycle
package import OCI
package import Registry

/// The mirrored tags of all entries with `lifecycle`, as their targets list them.
package struct EOLSurvey: Sendable {
    /// One entry and what its target holds of it.
    package struct Holding: Sendable {
        package let entry: Configuration.Entry
        package let tracking: LifecycleTracking
        /// Newest first.
        package let tags: [TagName]
        /// Why the target could not be listed; one line, safe to show.
        package let failure: String?
    }

    /// How many targets are listed at a time.
    private static let parallelism = 8

    /// In the configuration's order.
    package let holdings: [Holding]

    /// Asks the targets; a target that cannot be listed is told in its ``Holding``.
    ///
    /// - Parameters:
    ///   - entries: those without `lifecycle` are passed over.
    ///   - client: reaches the targets.
    /// - Throws: `CancellationError` only.
    package init(of entries: [Configuration.Entry], client: RegistryClient) async throws {
        let tracked = entries.compactMap { entry in entry.lifecycle.map { (entry: entry, tracking: $0) } }
        holdings = try await tracked.map(limit: Self.parallelism) { entry, tracking in
            try await Self.holding(of: entry, tracking, client)
        }
    }

    private static func holding(
        of entry: Configuration.Entry,
        _ tracking: LifecycleTracking,
        _ client: RegistryClient
    ) async throws -> Holding {
        do {
            let target = client.repository(entry.target, for: .pull)
            let tags = try await MirroredTags(entry: entry).tags(at: target)
            return Holding(entry: entry, tracking: tracking, tags: tags, failure: nil)
        } catch {
            try Task.checkCancellation()
            return Holding(entry: entry, tracking: tracking, tags: [], failure: "\(error)")
        }
    }

    /// The products that are to be known for a report.
    package var products: Set<String> { Set(holdings.map(\.tracking.product)) }

    /// What is known of every tag's support.
    package func report(_ catalogue: LifecycleCatalogue, today: CalendarDate) -> EOLReport {
        EOLReport(
            today: today,
            rows: holdings.flatMap { holding in
                holding.tags.map { tag in
                    let status = catalogue.status(of: tag, tracking: holding.tracking, today: today)
                    return EOLReport.Row(source: holding.entry.source, target: holding.entry.target, status: status)
                }
            },
            failures: holdings.compactMap { holding in
                holding.failure.map {
                    EOLReport.Failure(source: holding.entry.source, target: holding.entry.target, reason: $0)
                }
            }
        )
    }
}
