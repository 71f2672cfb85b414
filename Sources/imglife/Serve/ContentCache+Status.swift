import Cache
import Serve

extension ContentCache {
    /// Why the cache cannot be served from now; `nil` when it can.
    func unreadiness(_ pullsThrough: Bool) async -> String? {
        do {
            try checkUsable()
            _ = try await names.locations()
            guard pullsThrough else { return nil }
            if let refusal { return "\(refusal)" }
            return lacksSpace ? "the disk has less free space than cache.min_free" : nil
        } catch {
            return "\(error)"
        }
    }

    func gauges() async -> [ServeMetrics.Gauge] {
        guard let usage = try? await inventory.usage() else { return [] }
        return [
            .init(name: "imglife_cache_blobs", help: "Blobs in the cache.", value: Int64(usage.blobs)),
            .init(name: "imglife_cache_bytes", help: "Bytes in the cache.", value: usage.bytes),
            .init(name: "imglife_cache_tags", help: "Tags in the cache.", value: Int64(usage.tags)),
            .init(
                name: "imglife_cache_saved_bytes",
                help: "Bytes that the sharing of blobs between images saves.",
                value: usage.savedBytes
            ),
            .init(
                name: "imglife_cache_partials",
                help: "Interrupted downloads, which the next of the same blob goes on with.",
                value: Int64(usage.partials)
            ),
            .init(
                name: "imglife_cache_partial_bytes",
                help: "Bytes on the disk of interrupted downloads.",
                value: usage.partialBytes
            ),
            .init(
                name: "imglife_cache_staged",
                help: "Blobs of imports that are at work, were interrupted, or await other volumes.",
                value: Int64(usage.staged)
            ),
            .init(
                name: "imglife_cache_staged_bytes",
                help: "Bytes on the disk that imports have staged.",
                value: usage.stagedBytes
            ),
        ]
    }
}
