import Cache
import NIOCore
import OCI
import TestSupport

/// What runs do to a cache with images: each seed has names of its own, and all share layers.
struct ImageWork {
    private static let nameCount = 6
    private static let imageCount = 24

    private let cache: ContentCache
    private let location: RepositoryReference
    private var state: UInt64

    init(_ cache: ContentCache, seed: Int) throws {
        self.cache = cache
        location = RepositoryReference(host: "registry.example.com", repository: try RepositoryName("work/s\(seed)"))
        state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 | 1
    }

    struct Lost: Error, CustomStringConvertible {
        let description: String
    }

    func storeImages(_ count: Int) async throws {
        var work = self
        for _ in 0..<count { try await work.store() }
        try await cache.writeLayout()
    }

    /// All that processes do to one cache, in an order that the seed says.
    func mixed(_ count: Int) async throws {
        var work = self
        for _ in 0..<count {
            switch work.random(below: 20) {
            case 0..<10: try await work.store()
            case 10..<13: try await work.remove()
            case 13..<16: _ = try await cache.collect(CollectionOptions(grace: .zero))
            case 16: try await cache.writeLayout()
            case 17: try await verify()
            case 18: _ = try await cache.inventory.images()
            default: _ = try await cache.inventory.usage()
            }
        }
    }

    func verify() async throws {
        let report = try await cache.verify()
        for finding in report.findings where !finding.affected.isEmpty || finding.fault != .missing {
            throw Lost(description: "\(finding.fault) \(finding.digest) \(finding.affected)")
        }
    }

    private mutating func random(below limit: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(limit))
    }

    private mutating func randomName() throws -> TagName { try TagName("t\(random(below: Self.nameCount))") }

    private mutating func remove() async throws {
        let name = try randomName()
        CacheProbe.say("will untag \(location):\(name)")
        _ = try await cache.names.remove(name, of: location)
        CacheProbe.say("untag \(location):\(name)")
    }

    /// Brings an image in as a run does: held first, then blobs, manifest and tag, each when the ones before are safe.
    private mutating func store() async throws {
        let number = UInt64(random(below: Self.imageCount))
        let image = SampleImage.image(
            layers: [.init(seed: 100 + number % 4, size: 90_000), .init(seed: 200 + number, size: 20_000)],
            labels: ["number": "\(number)"]
        )
        let name = try randomName()
        let parts = image.blobs + image.manifests
        let source = GeneratedSource(
            contents: Dictionary(uniqueKeysWithValues: image.blobs.map { ($0.descriptor.digest, $0.source) })
        )
        try await cache.hold(parts.map(\.descriptor))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for blob in image.blobs {
                group.addTask { [cache] in
                    try await cache.follow(blob.descriptor, from: source).whenCommitted()
                    CacheProbe.say("\(blob.descriptor.digest)")
                }
            }
            try await group.waitForAll()
        }
        let manifest = try Manifest(bytes: image.topBytes, contentType: nil, expected: image.top)
        try await cache.store(manifest, from: location)
        CacheProbe.say("\(image.digest)")
        CacheProbe.say("will tag \(location):\(name) \(image.digest)")
        try await cache.names.record(name, of: location, as: image.top)
        CacheProbe.say("tag \(location):\(name) \(image.digest)")
        for part in parts where try !cache.contains(part.descriptor) {
            throw Lost(description: "\(location):\(name) has lost \(part.descriptor.digest)")
        }
    }
}
