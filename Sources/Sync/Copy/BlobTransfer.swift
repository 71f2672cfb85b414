import Cache
import NIOCore
import OCI
import Registry
import Synchronization

extension ImageCopy {
    /// Brings one blob to the target: not at all, by a mount, from the cache, or while it arrives from the source.
    func send(_ blob: Descriptor, lookingFirst: Bool) async throws -> ByteTally {
        let followed = FollowedBlob(descriptor: blob, source: source, cache: cache)
        let outcome = try await ledger.ensure(blob.digest, in: job.target) {
            if lookingFirst, try await target.contains(blob) { return .alreadyThere }
            let home = ledger.home(of: blob.digest, near: job.target)
            if home == nil { try await followed.start() }
            let transfer = progress.begin("\(job.tag) \(blob.digest.short)", size: blob.size)
            defer { progress.end(transfer) }
            let reader = ObservedBlob(blob: followed, progress: progress, transfer: transfer)
            return try await target.store(reader, mountFrom: home)
        }
        var bytes = followed.bytes
        switch outcome {
        case .alreadyThere: break
        case .mounted: bytes.mounted += blob.size
        case .stored(let count): bytes.pushed += count
        }
        return bytes
    }
}

/// A blob that is asked of the cache, and of the source behind it, no sooner than its bytes are needed.
private final class FollowedBlob: BlobReader {
    let descriptor: Descriptor
    private let source: any ContentSource
    private let cache: ContentCache
    private let blob = Mutex<CachedBlob?>(nil)

    init(descriptor: Descriptor, source: any ContentSource, cache: ContentCache) {
        self.descriptor = descriptor
        self.source = source
        self.cache = cache
    }

    /// Starts the download, unless the cache holds the blob; the upload's first request runs meanwhile.
    func start() async throws {
        _ = try await followed()
    }

    func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
        try await followed().read(at: offset, atMost: count)
    }

    /// What reading it has cost so far.
    var bytes: ByteTally {
        var bytes = ByteTally()
        switch blob.withLock({ $0?.provenance }) {
        case .downloading: bytes.downloaded = descriptor.size
        case .cached, .joined: bytes.cached = descriptor.size
        case nil: break
        }
        return bytes
    }

    private func followed() async throws -> CachedBlob {
        if let blob = blob.withLock({ $0 }) { return blob }
        let followed = try await cache.follow(descriptor, from: source)
        blob.withLock { $0 = followed }
        return followed
    }
}

/// Tells a display how far the target has read.
private struct ObservedBlob: BlobReader {
    let blob: FollowedBlob
    let progress: SyncProgress
    let transfer: Int

    var descriptor: Descriptor { blob.descriptor }

    func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
        let bytes = try await blob.read(at: offset, atMost: count)
        progress.advance(transfer, to: offset + Int64(bytes.readableBytes))
        return bytes
    }
}
