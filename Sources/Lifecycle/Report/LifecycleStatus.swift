package import OCI

/// What is known about the support of the release that a tag names.
package struct LifecycleStatus: Hashable, Sendable {
    /// The one word for it; the raw values stand in JSON output.
    package enum State: String, CaseIterable, Sendable {
        /// Its end of life is today or before.
        case ended
        /// It ends within ``LifecycleStatus/soonDays`` days.
        case endsSoon = "ends_soon"
        case supported
        /// The cycle is known, but not when it ends.
        case unknownDate = "unknown_date"
        case unknownCycle = "unknown_cycle"
        case unknownProduct = "unknown_product"
        /// The tag does not start with a version, such as `latest`.
        case noVersion = "no_version"
    }

    /// How many days before its end a cycle counts as ending soon, unless something else is asked for.
    package static let soonDays = 90

    package let tag: TagName
    package let product: String
    /// The tag's cycle, whether it is known or not; `nil` when the tag names none.
    package let cycle: String?
    package let state: State
    package let endOfLife: EndOfLife
    /// Until the end of life: 0 on that day, negative after it; `nil` when there is no date.
    package let daysLeft: Int?
    /// The newest release of the cycle.
    package let newest: String?
    package let newestReleaseDate: CalendarDate?
    /// Whether the tag names the newest release; `nil` when that cannot be told, as of a tag that moves (`3.21`).
    package let isNewestInCycle: Bool?
    /// Whether the data could not be refreshed when that was due.
    package let isStale: Bool

    package var isEnded: Bool { state == .ended }
    package var endsSoon: Bool { state == .endsSoon }
}

extension LifecycleStatus.State {
    /// The state of a known cycle.
    init(_ endOfLife: EndOfLife, daysLeft: Int?, soon: Int) {
        switch (endOfLife, daysLeft) {
        case (.ended, _): self = .ended
        case (.notEnded, _): self = .supported
        case (.date, let days?): self = days <= 0 ? .ended : days <= soon ? .endsSoon : .supported
        case (.unknown, _), (.date, nil): self = .unknownDate
        }
    }
}

extension LifecycleStatus {
    /// Whether a tag names a release that is as new as the newest, variants aside.
    ///
    /// - Returns: `nil` when the tag has fewer parts than the release, so that it moves, or one of them is no version.
    static func isNewest(_ tag: TagName, _ newest: String) -> Bool? {
        // Build metadata: 21.0.5+11.
        guard let name = try? TagName(newest.prefix { $0 != "+" && $0 != " " }), let newest = TagVersion(name),
            let version = TagVersion(tag), version.parts.count >= newest.parts.count,
            let release = version.withoutSuffix, let newestRelease = newest.withoutSuffix
        else { return nil }
        if release < newestRelease { return false }
        return version.isPreRelease && !newest.isPreRelease ? newestRelease < release : true
    }
}

extension TagVersion {
    fileprivate var withoutSuffix: TagVersion? {
        (try? TagName(parts.joined(separator: "."))).flatMap { TagVersion($0) }
    }

    fileprivate var isPreRelease: Bool {
        if case .preRelease = VersionPiece.pieces(of: suffix).first { true } else { false }
    }
}
