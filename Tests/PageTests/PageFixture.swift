import Cache
import Logging
import NIOCore
import OCI
import Serve
import Synchronization
import TestSupport

@testable import Page
@testable import imglife

/// A page about what a test says.
struct PageFixture: Sendable {
    static let now: Int64 = 1_790_000_000

    /// What the page is told; may change while it is shown.
    let images: Mutable<[CacheOverview.Image]>
    let downloads = Mutable<[RunningDownload]>([])
    let details = Mutable<[Digest: ImageDetails]>([:])
    let clock = ManualClock()
    let snapshotsTaken = Mutable(0)
    let runs = Mutable<PageRuns?>(nil)
    let partials = Mutable<(count: Int, bytes: Int64)>((0, 0))
    let staged = Mutable<(count: Int, bytes: Int64)>((0, 0))
    let incomplete = Mutable<Set<Digest>>([])
    var support: PageSource.Support = { _, _ in nil }
    var facts: ImageFacts?

    init(_ images: [CacheOverview.Image]) {
        self.images = Mutable(images)
    }

    /// Images of 1000 bytes of their own and 500 shared ones, by their names.
    init(_ names: [[String]]) throws {
        self.init(
            try names.enumerated().map { number, names in
                CacheOverview.Image(
                    references: try names.map { try ImageReference($0) },
                    digest: Self.digest(number),
                    bytes: 1500,
                    lastUse: Self.now - 7200
                )
            }
        )
    }

    static var anyPort: ListenAddress { ListenAddress("127.0.0.1:0") ?? .standard }
    static func digest(_ number: Int) -> Digest { Digest.of(ByteBuffer(string: "\(number)")) }

    /// A server with that page.
    func serve<R>(
        passwordFile: String? = nil,
        metricsListen: ListenAddress? = nil,
        _ body: (Server) async throws -> R
    ) async throws -> R {
        var configuration = ServerConfiguration(
            listen: Self.anyPort,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        configuration.limits.head = .seconds(300)
        configuration.limits.idle = .seconds(300)
        configuration.passwordFile = passwordFile
        configuration.metricsListen = metricsListen
        let page = try CachePage(source, address: "127.0.0.1:5050", isTLS: false)
        return try await Server.with(configuration, NoContent(), page: page, body)
    }

    /// One answer to a GET.
    func get(_ uri: String, _ headers: HeaderList = [:]) async throws -> RawAnswer {
        try await serve { server in
            try await RawClient(RegistryHost(server.address)).get(uri, headers)
        }
    }

    var source: PageSource {
        var source = PageSource(
            overview: {
                snapshotsTaken.update { $0 += 1 }
                var usage = CacheUsage()
                usage.blobs = 5
                usage.bytes = 3 << 30
                usage.tags = images.value.reduce(0) { $0 + $1.references.count }
                usage.logicalBytes = 10 << 30
                (usage.partials, usage.partialBytes) = partials.value
                (usage.staged, usage.stagedBytes) = staged.value
                return CacheOverview(usage: usage, images: images.value, freeBytes: 7 << 40)
            },
            details: { digests in details.value.filter { digests.contains($0.key) } },
            downloads: { downloads.value },
            statistics: {
                var statistics = CacheStatistics()
                statistics.downloads = 42
                return statistics
            },
            support: { support }
        )
        source.bytesAlone = { Dictionary(uniqueKeysWithValues: Set($0).map { ($0, 1000) }) }
        source.incomplete = { Set($0).intersection(incomplete.value) }
        source.facts = { digest, _ in facts?.descriptor.digest == digest ? facts : nil }
        source.runs = { runs.value }
        source.now = { Self.now }
        source.clock = clock
        return source
    }
}

extension ImageFacts {
    /// An index of one image of two layers, of which the second is not here.
    static func sample(_ digest: Digest, saying text: String) -> ImageFacts? {
        let part = { (number: Int) in
            Descriptor(mediaType: .octetStream, digest: PageFixture.digest(number), size: Int64(number))
        }
        guard let top = Descriptor(mediaType: .ociIndex, digest: digest, size: 500), let image = part(1000),
            let layer = part(2000), let lost = part(3000)
        else { return nil }
        var variant = Variant(descriptor: image, bytes: 6000)
        variant.platform = Platform(os: "linux", architecture: text)
        variant.created = "2026-03-01T12:00:00Z"
        variant.layers = [Part(descriptor: layer, isHere: true), Part(descriptor: lost, isHere: false)]
        variant.labels = [(text, text)]
        return ImageFacts(
            descriptor: top,
            isIndex: true,
            artifactType: text,
            annotations: [(text, text)],
            variants: [variant],
            referrers: [ReferrerEntry(descriptor: image, artifactType: text)],
            isWhole: false
        )
    }
}

/// A value behind a lock.
final class Mutable<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) {
        state = Mutex(value)
    }

    var value: Value { state.withLock { $0 } }

    func update(_ change: (inout Value) -> Void) {
        state.withLock { change(&$0) }
    }
}

/// Nothing to pull.
private struct NoContent: ServedContent {
    func manifest(_ reference: Reference, of repository: RepositoryReference) async throws -> ServedManifest? { nil }
    func canServe(
        _ manifest: Manifest,
        by reference: Reference,
        of repository: RepositoryReference
    ) async throws -> Bool {
        false
    }
    func blobAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> BlobFile? { nil }

    func fileAtHand(_ digest: Digest, of repository: RepositoryReference) throws -> FileStatus.Version? { nil }
    func blob(
        _ digest: Digest,
        of repository: RepositoryReference,
        client: ServedClient,
        isNeeded: @Sendable (Int64) -> Bool
    ) async throws -> ServedBlob? { nil }
    func tags(of repository: RepositoryReference) async throws -> ServedList<TagName>? { nil }
    func repositories() async throws -> [RepositoryReference] { [] }
    func referrers(
        of digest: Digest,
        in repository: RepositoryReference,
        artifactType: String?
    ) async throws -> ServedList<ReferrerEntry> {
        ServedList([])
    }
    func quarantine(_ blob: BlobFile) async {}
}
