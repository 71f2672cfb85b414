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

    /// In the configuration's order.
    package let holdings: [Holding]

    /// Asks the targets; a target that cannot be listed is told in its ``Holding``.
    ///
    /// - Parameters:
    ///   - configuration: its entries without `lifecycle` are passed over.
    ///   - chosen: the positions of the entries that are meant.
    ///   - client: reaches the targets.
    /// - Throws: `CancellationError` only.
    package init(of configuration: Configuration, _ chosen: [Int], client: RegistryClient) async throws {
        let tracked = chosen.filter { configuration.entries[$0].lifecycle != nil }
        let planner = Planner(configuration: configuration, cache: nil) {
            client.repository($0, for: .pull)
        } target: {
            client.repository($0, for: .pull)
        }
        holdings = try await planner.plan(tracked, to: .mirrored).outcomes.compactMap { outcome in
            let entry = configuration.entries[outcome.entry]
            return entry.lifecycle.map { tracking in
                switch outcome {
                case .planned(let plan):
                    Holding(entry: entry, tracking: tracking, tags: plan.tags.map(\.target), failure: nil)
                case .failed(_, let error): Holding(entry: entry, tracking: tracking, tags: [], failure: "\(error)")
                }
            }
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
