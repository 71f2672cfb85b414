import Cache
import Logging
import NIOCore
import OCI
import TestSupport

@testable import Serve

/// A server's content in front of one upstream, on a clock of its own.
struct PullThroughFixture: Sendable {
    let content: PullThroughContent
    let cache: ContentCache
    let upstream: FakeUpstream
    let clock: ManualClock
    let repository: RepositoryReference
    let path: String

    static let host: RegistryHost = "registry.example.com"
    static let repository = RepositoryReference(host: host, repository: "app")

    static func with<R>(
        upstream: FakeUpstream = FakeUpstream(),
        downloads: Int = 6,
        maintain: @escaping @Sendable () async -> Void = {},
        _ body: (PullThroughFixture) async throws -> R
    ) async throws -> R {
        try await TemporaryDirectory.with { path in
            try await with(upstream, in: "\(path)/cache", downloads: downloads, maintain: maintain, body)
        }
    }

    static func with<R>(
        _ upstream: FakeUpstream,
        in path: String,
        downloads: Int = 6,
        maintain: @escaping @Sendable () async -> Void = {},
        _ body: (PullThroughFixture) async throws -> R
    ) async throws -> R {
        let clock = ManualClock()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var configuration = PullThroughConfiguration(logger: logger, clock: clock)
        configuration.maintain = maintain
        configuration.downloads = { _ in downloads }
        let cacheConfiguration = CacheConfiguration(
            directory: path,
            logger: logger,
            clock: TestClock(),
            lockTimeout: .endless
        )
        let upstreams = Upstreams(hosts: [host]) { $0 == repository ? upstream : nil }
        return try await ContentCache.with(cacheConfiguration) { cache in
            try await PullThroughContent.with(cache, upstreams, configuration) { content in
                try await body(
                    PullThroughFixture(
                        content: content,
                        cache: cache,
                        upstream: upstream,
                        clock: clock,
                        repository: repository,
                        path: path
                    )
                )
            }
        }
    }

    func manifest(_ tag: TagName) async throws -> ServedManifest? {
        try await content.manifest(.tag(tag), of: repository)
    }

    func manifest(named digest: Digest) async throws -> ServedManifest? {
        try await content.manifest(.digest(digest), of: repository)
    }

    /// Reads a blob as a client would that asks for all of it, or the part from an offset.
    func read(_ digest: Digest, from offset: Int64 = 0) async throws -> ByteBuffer? {
        guard let blob = try await content.blob(digest, of: repository, isHead: false) else { return nil }
        var result = ByteBuffer()
        while true {
            var piece = try await blob.read(at: offset + Int64(result.readableBytes))
            guard piece.readableBytes > 0 else { return result }
            result.writeBuffer(&piece)
        }
    }
}

/// Asks as a client that leaves as soon as `moment` has come.
///
/// - Returns: what it got in spite of that, or why it got nothing.
func leaving<R: Sendable>(
    at moment: () async throws -> Void,
    _ ask: @escaping @Sendable () async throws -> R
) async throws -> Result<R, any Error>? {
    try await withThrowingTaskGroup(of: R.self) { group in
        group.addTask { try await ask() }
        try await moment()
        group.cancelAll()
        return await group.nextResult()
    }
}

extension PullThroughContent {
    /// A blob as a HEAD asks for it, or a GET of all of it.
    func blob(_ digest: Digest, of repository: RepositoryReference, isHead: Bool) async throws -> ServedBlob? {
        try await blob(digest, of: repository) { _ in !isHead }
    }
}

extension ServedBlob {
    func read(at offset: Int64) async throws -> ByteBuffer {
        switch self {
        case .stored(let file): try file.read(at: offset, atMost: 100_000)
        case .arriving(let blob): try await blob.read(at: offset, atMost: 100_000)
        case .known: ByteBuffer()
        }
    }
}

extension UpstreamError {
    static let down = UpstreamError(.unavailable, "registry.example.com is down", isOutOfReach: true)
}
