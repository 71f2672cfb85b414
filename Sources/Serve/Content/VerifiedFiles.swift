import Cache
import NIOPosix
import OCI
import Synchronization

/// Which files have been hashed since they were last changed, so that they are served without hashing them again.
///
/// A file is known by its device, inode, size and times; damage that leaves them all as they were is for
/// `imglife cache verify` to find. Bounded in number and in time, and kept across restarts by ``VerifiedFilesStore``.
final class VerifiedFiles: Sendable {
    private static let capacity = 1 << 16
    /// Files whose hashing has begun and of which nobody may be left who waits for it: each is open.
    private static let maximumBegun = 64

    private struct State {
        // When each was verified. Two generations, so that forgetting costs nothing: the older one goes as a whole.
        var recent: [FileStatus.Version: WallTime] = [:]
        var older: [FileStatus.Version: WallTime] = [:]
        /// In the order in which they began.
        var begun: [Verification] = []
        var changes = 0
    }

    let threads: ServeThreads
    private let lifetime: Duration
    private let metrics: ServeMetrics
    private let state: Mutex<State>

    /// With what an earlier server had verified.
    init(
        _ configuration: ServerConfiguration,
        _ metrics: ServeMetrics,
        _ threads: ServeThreads,
        known: [FileStatus.Version: WallTime] = [:]
    ) {
        lifetime = configuration.verificationLifetime
        self.metrics = metrics
        self.threads = threads
        state = Mutex(State(recent: known))
    }

    func contains(_ file: BlobFile) -> Bool { contains(file.version) }

    func contains(_ file: FileStatus.Version) -> Bool { state.withLock { contains(file, $0) } }

    private func contains(_ file: FileStatus.Version, _ state: State) -> Bool {
        (state.recent[file] ?? state.older[file])?.isWithin(lifetime, of: .now) ?? false
    }

    func insert(_ file: BlobFile) {
        state.withLock { state in
            if state.recent.count >= Self.capacity / 2 {
                state.older = state.recent
                state.recent = [:]
            }
            state.recent[file.version] = .now
            state.changes += 1
            state.begun.removeAll { $0.file.version == file.version }
        }
    }

    /// All that is believed now, and how often something was added.
    var known: (files: [FileStatus.Version: WallTime], changes: Int) {
        state.withLock { state in
            let now = WallTime.now
            let all = state.older.merging(state.recent) { $1 }
            return (all.filter { $0.value.isWithin(lifetime, of: now) }, state.changes)
        }
    }

    /// The hashing of a file, which begins or goes on, once for all who need it; it has ended for who asks too late.
    ///
    /// What has been hashed is kept when they leave, so that nobody can have the same bytes hashed again and again.
    func verification(of file: BlobFile) -> Verification {
        let (verification, isNew) = state.withLock { state in
            if let begun = state.begun.first(where: { $0.file.version == file.version }) { return (begun, false) }
            if contains(file.version, state) { return (Verification(file, isRight: true), false) }
            let fresh = Verification(file)
            if state.begun.count >= Self.maximumBegun { state.begun.removeFirst() }
            state.begun.append(fresh)
            return (fresh, true)
        }
        if isNew { metrics.count(.verification) }
        return verification
    }

    /// Hashes what has not been hashed yet.
    ///
    /// - Returns: whether the file's bytes are right; not when the disk cannot give them back.
    /// - Throws: `CacheError`; `CancellationError`.
    func finish(_ verification: Verification) async throws -> Bool {
        while true {
            try Task.checkCancellation()
            guard let isRight = try await threads.hashing.runIfActive({ try verification.step() }) else { continue }
            if isRight { insert(verification.file) } else { forget(verification) }
            return isRight
        }
    }

    /// Whether a file's bytes are right, which may take as long as reading it.
    ///
    /// - Throws: as ``finish(_:)`` does.
    func verify(_ file: BlobFile) async throws -> Bool {
        if contains(file) { return true }
        return try await finish(verification(of: file))
    }

    private func forget(_ verification: Verification) {
        state.withLock { $0.begun.removeAll { $0 === verification } }
    }
}
