/// What the server tells about itself beside its own counters.
package struct StatusSource: Sendable {
    /// Why requests cannot be served properly now; `nil` when they can.
    ///
    /// The reason is logged, not told to clients.
    package var readiness: @Sendable () async -> String?
    /// Figures of others, for the metrics.
    package var gauges: @Sendable () async -> [ServeMetrics.Gauge]

    package init(
        readiness: @escaping @Sendable () async -> String? = { nil },
        gauges: @escaping @Sendable () async -> [ServeMetrics.Gauge] = { [] }
    ) {
        self.readiness = readiness
        self.gauges = gauges
    }
}
