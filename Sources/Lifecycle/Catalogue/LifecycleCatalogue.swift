package import OCI

/// What is known of products' release cycles, and how fresh it is.
package struct LifecycleCatalogue: Hashable, Sendable {
    /// One product's cycles.
    package struct Product: Hashable, Sendable {
        /// In the service's order, newest first.
        package var cycles: [ReleaseCycle]
        /// The day on which the service last confirmed them; `nil` for rows that somebody wrote by hand.
        package var fetched: CalendarDate?
        /// What the service called this state of its answer (RFC 9110, 8.8.3).
        package var entityTag: String?
        /// Whether the service was asked for newer ones and gave none that could be used.
        package var isStale: Bool

        package init(
            cycles: [ReleaseCycle],
            fetched: CalendarDate? = nil,
            entityTag: String? = nil,
            isStale: Bool = false
        ) {
            self.cycles = cycles
            self.fetched = fetched
            self.entityTag = entityTag
            self.isStale = isStale
        }
    }

    /// By the product's name, as configurations write it.
    package var products: [String: Product]

    package init(products: [String: Product] = [:]) {
        self.products = products
    }

    /// What is known about a tag.
    ///
    /// The cycle is matched by its exact text. An unknown product or cycle is a status, not an error. A cycle counts as
    /// ending soon when it ends within `soon` days.
    package func status(
        of tag: TagName,
        tracking: LifecycleTracking,
        today: CalendarDate,
        soon: Int = LifecycleStatus.soonDays
    ) -> LifecycleStatus {
        let product = products[tracking.product]
        let name = tracking.track.cycle(of: tag)
        let release = product?.cycles.first { $0.cycle == name }
        let daysLeft: Int? = if case .date(let end)? = release?.endOfLife { today.days(until: end) } else { nil }
        let state: LifecycleStatus.State =
            switch (product, name, release) {
            case (nil, _, _): .unknownProduct
            case (_, nil, _): .noVersion
            case (_, _, nil): .unknownCycle
            case (_, _, let release?): .init(release.endOfLife, daysLeft: daysLeft, soon: soon)
            }
        return LifecycleStatus(
            tag: tag,
            product: tracking.product,
            cycle: name,
            state: state,
            endOfLife: release?.endOfLife ?? .unknown,
            daysLeft: daysLeft,
            newest: release?.latest,
            newestReleaseDate: release?.latestReleaseDate,
            isNewestInCycle: release?.latest.flatMap { LifecycleStatus.isNewest(tag, $0) },
            isStale: product?.isStale ?? false
        )
    }
}
