import OCI
import Sync

extension PlanDocument {
    /// What copying costs; sums of several are exact when each part is.
    struct Cost: Encodable {
        /// `manifests`: exact; `listing`: by the sizes that the source's listing tells; `unknown`: no bytes are told.
        let basis: String
        /// To be read from the source; Docker Hub counts them as pulls.
        let manifests: Int
        let downloadBytes: Int64
        let pushBytes: Int64
        let mountBytes: Int64

        init(_ cost: CopyCost) {
            basis = cost.basis.rawValue
            manifests = cost.manifests
            downloadBytes = cost.download
            pushBytes = cost.push
            mountBytes = cost.mount
        }
    }

    /// What all copies would ask of one registry, as their source and as their target.
    struct Host: Encodable {
        let host: String
        var manifests = 0
        var downloadBytes: Int64 = 0
        var pushBytes: Int64 = 0
        var mountBytes: Int64 = 0
        /// Tags of which no bytes are told.
        var unknownTags = 0
        /// Whether nothing is unknown, or only about.
        var isExact = true

        private init(_ host: RegistryHost) {
            self.host = host.description
        }

        /// Sources and targets that something is asked of, by name.
        static func all(of plan: SyncPlan, _ configuration: Configuration) -> [Host] {
            var hosts: [RegistryHost: Host] = [:]
            for case .planned(let entry) in plan.outcomes {
                let configured = configuration.entries[entry.entry]
                for cost in entry.tags.compactMap(\.cost) {
                    for host in Set([configured.source.host, configured.target.host]) {
                        hosts[host, default: Host(host)].note(cost.basis)
                    }
                    hosts[configured.source.host]?.read(cost)
                    hosts[configured.target.host]?.write(cost)
                }
            }
            return hosts.values.sorted { $0.host < $1.host }
        }

        private mutating func note(_ basis: CopyCost.Basis) {
            isExact = isExact && basis == .manifests
            unknownTags += basis == .unknown ? 1 : 0
        }

        private mutating func read(_ cost: CopyCost) {
            manifests += cost.manifests
            downloadBytes += cost.download
        }

        private mutating func write(_ cost: CopyCost) {
            pushBytes += cost.push
            mountBytes += cost.mount
        }
    }

    /// Figures over all entries.
    struct Totals: Encodable {
        var entries = 0
        /// Entries whose tags are not known.
        var failedEntries = 0
        var copy = 0
        var referrers = 0
        var upToDate = 0
        var compare = 0
        var undecided = 0
        /// Tags that fail.
        var failed = 0
        var manifests = 0
        var downloadBytes: Int64 = 0
        var pushBytes: Int64 = 0
        var mountBytes: Int64 = 0

        init(_ entries: [Entry]) {
            self.entries = entries.count
            failedEntries = entries.count { $0.failure != nil }
            for tag in entries.flatMap(\.tags) { add(tag) }
        }

        private mutating func add(_ tag: Tag) {
            switch tag.decision {
            case .copy: copy += 1
            case .referrers: referrers += 1
            case .upToDate: upToDate += 1
            case .compare: compare += 1
            case .undecided: undecided += 1
            case .failed: failed += 1
            }
            manifests += tag.cost?.manifests ?? 0
            downloadBytes += tag.cost?.downloadBytes ?? 0
            pushBytes += tag.cost?.pushBytes ?? 0
            mountBytes += tag.cost?.mountBytes ?? 0
        }
    }
}
