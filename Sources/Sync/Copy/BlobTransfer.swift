import Cache
import NIOCore
import OCI
import Synchronization

extension ImageCopy {
    /// Brings one blob to the target: not at all, by a mount, from the cache, or while it arrives from the source.
    ///
    /// A download that began again, and a copy in the cache that turned out damaged, make the upload begin again too;
    /// after the former only once the download has ended, so that a blob which is wrong everywhere is not asked for anew.
    func send(_ blob: Descriptor, lookingFirst: Bool) async throws {
        var attempts = 0
        let followed = FollowedBlob(descriptor: blob, source: source, cache: cache)
        // Whatever becomes of it, these bytes have passed.
        defer { bytes.add(followed.bytes(after: early.take(blob.digest))) }
        while true {
            do {
                do {
                    return try await attempt(followed, lookingFirst: lookingFirst)
                } catch let error as CacheError where error.kind == .restarted {
                    try await followed.finish()
                    throw error
                }
            } catch let error as CacheError where attempts < Self.repairAttempts {
                // With a single attempt the cache gives up a mirror's wrong bytes before the host has been asked.
                let isElsewhere = error.kind == .digestMismatch && source.hasAlternative(for: blob.digest)
                guard error.isRepaired || isElsewhere else { throw error }
                attempts += 1
                followed.beginAgain()
            }
        }
    }

    private func attempt(_ followed: FollowedBlob, lookingFirst: Bool) async throws {
        let blob = followed.descriptor
        // Who waits for another's upload lets that one's download have this source too.
        let outcome = try await cache.offering(blob, from: source) {
            try await known.ensure(blob, as: .blob, in: job.target) {
                try await deliver(followed, lookingFirst: lookingFirst)
            }
        }
        // Of an empty blob nothing is read, so that nothing has asked the cache for it where a mount was refused.
        if case .stored = outcome, blob.size == 0 { try await followed.start() }
    }

    private func deliver(_ followed: FollowedBlob, lookingFirst: Bool) async throws -> StoreOutcome {
        let blob = followed.descriptor
        if lookingFirst, case .known(true) = try await target.asking({ try await $0.contains(blob) }) {
            return .alreadyThere
        }
        let home = known.home(of: blob, near: job.target) ?? neighbouringSource
        if home == nil { try await followed.start() }
        let transfer = progress.begin("\(job.target.name(of: job.tag)) \(blob.digest.short)", size: blob.size)
        defer { progress.end(transfer) }
        let outcome = try await store(ObservedBlob(blob: followed, progress: progress, transfer: transfer), from: home)
        progress.taken(transfer)
        return outcome
    }

    private func store(_ blob: ObservedBlob, from home: RepositoryName?) async throws -> StoreOutcome {
        var passed = ByteTally()
        defer { bytes.add(passed) }
        let before = blob.blob.handedOut
        do {
            let outcome = try await target.store(blob, mountFrom: home)
            switch outcome {
            case .alreadyThere: break
            case .mounted: passed.mounted = blob.descriptor.size
            case .stored(let count): passed.pushed = count
            }
            return outcome
        } catch {
            passed.pushed = blob.blob.handedOut - before
            throw error
        }
    }

    /// The source's repository where the target's registry can mount from it.
    private var neighbouringSource: RepositoryName? {
        job.source.host == job.target.host ? job.source.repository : nil
    }
}

extension CacheError {
    /// What was read is void, and reading again from the beginning gives other bytes.
    fileprivate var isRepaired: Bool { kind == .restarted || kind == .corrupt }
}

/// A blob that is asked of the cache, and of the source behind it, no sooner than its bytes are needed; anew each time that
/// it is begun again.
private final class FollowedBlob: BlobReader {
    private struct State {
        var blob: CachedBlob?
        /// What had been downloaded when it was begun again.
        var downloaded: Int64 = 0

        var allDownloaded: Int64 {
            if let blob, case .downloading = blob.provenance { downloaded + blob.fetched } else { downloaded }
        }
    }

    let descriptor: Descriptor
    private let source: any ContentSource
    private let cache: ContentCache
    private let state = Mutex(State())
    private let handed = Atomic<Int64>(0)

    init(descriptor: Descriptor, source: any ContentSource, cache: ContentCache) {
        self.descriptor = descriptor
        self.source = source
        self.cache = cache
    }

    private var blob: CachedBlob? { state.withLock { $0.blob } }

    /// Starts the download, unless the cache holds the blob; the upload's first request runs meanwhile.
    func start() async throws {
        _ = try await followed()
    }

    func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
        let bytes = try await followed().read(at: offset, atMost: count)
        handed.add(Int64(bytes.readableBytes), ordering: .relaxed)
        return bytes
    }

    /// Whether more than is asked for next could be read at once.
    func isAhead(of offset: Int64) -> Bool {
        guard let blob else { return false }
        return blob.arrived >= min(descriptor.size, offset + (512 << 10))
    }

    /// How many bytes have been read of it, those that were read again included.
    var handedOut: Int64 { handed.load(ordering: .relaxed) }

    /// Waits until the cache holds the blob; throws what the download fails with.
    func finish() async throws {
        try await blob?.whenCommitted()
    }

    /// Asks the cache anew for what is read next.
    func beginAgain() {
        state.withLock { state in
            state.downloaded = state.allDownloaded
            state.blob = nil
        }
    }

    /// What reading it has cost so far, after so much that came before the copy began.
    ///
    /// Bytes that were read again count as often as they were downloaded, and not as cached because an earlier attempt
    /// had brought them.
    func bytes(after early: Int64) -> ByteTally {
        var bytes = ByteTally()
        bytes.downloaded = early + state.withLock { $0.allDownloaded }
        bytes.cached = max(0, min(descriptor.size, handedOut) - bytes.downloaded)
        return bytes
    }

    private func followed() async throws -> CachedBlob {
        if let blob { return blob }
        let followed = try await cache.follow(descriptor, from: source)
        state.withLock { $0.blob = followed }
        return followed
    }
}

/// Tells a display how far the target has taken a blob: up to the piece that is asked for next.
private struct ObservedBlob: BlobReader {
    let blob: FollowedBlob
    let progress: SyncProgress
    let transfer: Int

    var descriptor: Descriptor { blob.descriptor }

    func read(at offset: Int64, atMost count: Int) async throws -> ByteBuffer {
        if offset > 0 { progress.advance(transfer, to: offset, isHeldUp: blob.isAhead(of: offset)) }
        let bytes = try await blob.read(at: offset, atMost: count)
        if offset == 0 { progress.advance(transfer, to: 0) }
        return bytes
    }
}
