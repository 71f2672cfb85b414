import Synchronization

/// What the server has done since it was started, as Prometheus reads it.
package final class ServeMetrics: Sendable {
    /// Something that is counted.
    package enum Event: String, CaseIterable, Sendable {
        /// A blob was served from the cache.
        case blobHit = "imglife_serve_blob_hits_total"
        /// A blob had to be downloaded, or was being downloaded, when it was asked for.
        case blobMiss = "imglife_serve_blob_misses_total"
        /// A manifest was served from the cache.
        case manifestHit = "imglife_serve_manifest_hits_total"
        /// A manifest had to be fetched, or was being fetched, when it was asked for.
        case manifestMiss = "imglife_serve_manifest_misses_total"
        /// A request failed because its upstream could not be asked, or answered with an error.
        case upstreamFailure = "imglife_serve_upstream_failures_total"
        /// What was asked for had been asked for in vain just before.
        case rememberedAbsence = "imglife_serve_remembered_absences_total"
        /// A blob was passed on without being stored.
        case uncachedBlob = "imglife_serve_uncached_blobs_total"
        /// A tag was served as it was known, because its upstream could not be asked.
        case staleTag = "imglife_serve_stale_tags_total"
        /// A file was read whole and hashed, because it had not been since the start or since it changed.
        case verification = "imglife_serve_verifications_total"

        fileprivate var help: String {
            switch self {
            case .blobHit: "Blobs served from the cache."
            case .blobMiss: "Blobs that had to be downloaded when they were asked for."
            case .manifestHit: "Manifests served from the cache by a server that pulls through."
            case .manifestMiss: "Manifests that had to be fetched when they were asked for."
            case .upstreamFailure: "Requests that failed because an upstream registry did."
            case .rememberedAbsence: "Requests for what an upstream registry had just said not to have."
            case .uncachedBlob: "Blobs passed on without being stored, because the disk is full."
            case .staleTag: "Tags served without asking their upstream, because it did not answer."
            case .verification: "Files hashed before their first answer was completed."
            }
        }
    }

    /// A figure of somebody else's: one that goes up and down, or a counter that only grows.
    package struct Gauge: Sendable {
        let name: String
        /// As they stand behind the name: `{status="failed"}`; figures of one name follow each other.
        let labels: String
        let help: String
        let value: Int64
        let isCounter: Bool

        package init(name: String, labels: String = "", help: String, value: Int64, isCounter: Bool = false) {
            self.name = name
            self.labels = labels
            self.help = help
            self.value = value
            self.isCounter = isCounter
        }
    }

    /// The media type of ``text(_:)``.
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The statuses that are told apart; 0 stands for all others.
    private static let statuses = [
        0, 200, 206, 304, 400, 401, 403, 404, 405, 408, 413, 414, 416, 417, 429, 431, 499, 502, 503, 504, 505, 508,
    ]
    /// Their positions, which are looked up for every answer.
    private static let positions = Dictionary(uniqueKeysWithValues: statuses.enumerated().map { ($1, $0) })

    /// By event, then what connections are, then by route and status: nobody waits for anybody to count.
    private let counters = (0..<Event.allCases.count + 3 + Route.Label.allCases.count * statuses.count).map { _ in
        Counter()
    }
    /// Bodies of blobs that are being sent.
    private let sending = Atomic(0)

    package init() {}

    /// Counts something that happened.
    package func count(_ event: Event, by amount: Int64 = 1) { counters[event.position].add(amount) }

    /// How often something has happened.
    package subscript(event: Event) -> Int64 { counters[event.position].value }

    private var bytes: Counter { counters[Event.allCases.count] }
    private var connections: Counter { counters[Event.allCases.count + 1] }
    private var refusedConnections: Counter { counters[Event.allCases.count + 2] }

    private func answers(_ route: Route.Label, _ position: Int) -> Counter {
        counters[Event.allCases.count + 3 + route.rawValue * Self.statuses.count + position]
    }

    /// Counts an answer with the bytes of its body that were sent.
    func count(_ route: Route.Label, status: Int, bytes: Int64) {
        answers(route, Self.positions[status] ?? 0).add(1)
        self.bytes.add(bytes)
    }

    /// All requests and the bytes of their answers' bodies.
    package var totals: (requests: Int64, sentBytes: Int64) {
        let requests = Route.Label.allCases.reduce(0) { sum, route in
            Self.statuses.indices.reduce(sum) { $0 + answers(route, $1).value }
        }
        return (requests, bytes.value)
    }

    func streamBegan() { sending.add(1, ordering: .relaxed) }
    func streamEnded() { sending.subtract(1, ordering: .relaxed) }
    var streams: Int { sending.load(ordering: .relaxed) }

    func connectionOpened() { connections.add(1) }
    func connectionClosed() { connections.add(-1) }
    func connectionRefused() { refusedConnections.add(1) }

    /// Everything in Prometheus' text format, with the gauges of others after the server's own.
    func text(_ gauges: [Gauge]) -> String {
        var lines = Self.header("imglife_serve_requests_total", "counter", "Answered requests.")
        for route in Route.Label.allCases {
            for (position, status) in Self.statuses.enumerated() {
                let count = answers(route, position).value
                guard count > 0 else { continue }
                lines.append("imglife_serve_requests_total{route=\"\(route)\",status=\"\(status)\"} \(count)")
            }
        }
        lines += Self.value("imglife_serve_sent_bytes_total", "counter", "Bytes of bodies sent.", bytes.value)
        for event in Event.allCases {
            lines += Self.value(event.rawValue, "counter", event.help, self[event])
        }
        let refused = "Connections refused because there were too many."
        lines += Self.value("imglife_serve_refused_connections_total", "counter", refused, refusedConnections.value)
        lines += Self.value("imglife_serve_connections", "gauge", "Open connections.", connections.value)
        lines += Self.value("imglife_serve_streams", "gauge", "Large answers that are being sent.", Int64(streams))
        var last = ""
        for gauge in gauges {
            if gauge.name != last {
                lines += Self.header(gauge.name, gauge.isCounter ? "counter" : "gauge", gauge.help)
            }
            lines.append("\(gauge.name)\(gauge.labels) \(gauge.value)")
            last = gauge.name
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func header(_ name: String, _ type: String, _ help: String) -> [String] {
        ["# HELP \(name) \(help)", "# TYPE \(name) \(type)"]
    }

    private static func value(_ name: String, _ type: String, _ help: String, _ value: Int64) -> [String] {
        header(name, type, help) + ["\(name) \(value)"]
    }
}

extension ServeMetrics.Event {
    /// Where its counter is.
    fileprivate var position: Int { Self.positions[self] ?? 0 }

    private static let positions = Dictionary(uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) })
}

/// A number that many threads count up.
private final class Counter: Sendable {
    private let number = Atomic<Int64>(0)

    var value: Int64 { number.load(ordering: .relaxed) }

    func add(_ amount: Int64) { number.add(amount, ordering: .relaxed) }
}
