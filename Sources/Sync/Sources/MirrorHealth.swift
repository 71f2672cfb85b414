import Concurrency
import Logging
import OCI
import Registry
import Synchronization

/// What this run, or this server, has learnt about mirrors, for all sources that have some.
///
/// One that wants no requests for a time is left out for that time. One that refuses connections is left out, and so is one
/// that several times in a row gives no good answer, or no blob that is right: each time costs all the tries and waits of an operation.
final class MirrorHealth: Sendable {
    private struct State {
        var standings: [RegistryHost: MirrorStanding] = [:]
        var told: Set<RegistryHost> = []
        /// Hosts for which a mirror has told tags since they answered last.
        var replaced: Set<RegistryHost> = []
    }

    let senders: BlobSenders
    private let first: FirstWord<RegistryHost>
    private let logger: Logger
    private let timer: Timer
    /// How long a mirror is left out that does not say for how long; `nil` for the rest of a run.
    private let rest: Duration?
    private let state = Mutex(State())

    init(logger: Logger, clock: any Clock<Duration> = ContinuousClock(), rest: Duration? = nil) {
        self.logger = logger
        self.rest = rest
        timer = Timer(clock)
        first = FirstWord(timer)
        senders = BlobSenders(timer: timer, lifetime: rest)
    }

    /// The mirrors that may be asked, in their order.
    func reachable(_ mirrors: [Repository]) -> [Repository] {
        let now = timer.now()
        return state.withLock { state in
            mirrors.filter { state.standings[$0.location.host]?.isAsked(at: now) ?? true }
        }
    }

    /// Whether all of some mirrors are left out because they fail.
    func areFailing(_ mirrors: [Repository]) -> Bool {
        let now = timer.now()
        return state.withLock { state in
            mirrors.allSatisfy { state.standings[$0.location.host]?.isFailing(at: now) ?? false }
        }
    }

    /// Asks a mirror, unless it is left out; after a rest one asks alone, and others go past it until it has answered.
    ///
    /// Of a blob that has come nobody knows yet whether it is right: see ``wereRight(_:)``.
    ///
    /// - Returns: `nil` where it is not asked, fails, or has nothing, all of which is noted.
    /// - Throws: what a reader of its bytes throws, `CancellationError`.
    func asking<Value>(
        _ mirror: Repository,
        duty: MirrorStanding.Duty = .answers,
        _ ask: (Repository) async throws -> Value?
    ) async throws -> Value? {
        let host = mirror.location.host
        let turn = try await first.wait(for: host)
        defer { if let turn { first.leave(turn) } }
        let now = timer.now()
        let (isAsked, begun) = state.withLock { state in
            (state.standings[host]?.begin(at: now) ?? true, state.standings[host]?.rest)
        }
        guard isAsked else { return nil }
        do {
            return try await hearing(mirror, duty, ask, of: mirror.asAlternative)
        } catch {
            let now = timer.now()
            state.withLock { $0.standings[host]?.stopped(begun, at: now) }
            throw error
        }
    }

    /// Asks a mirror that wants no requests now, once it wants some again.
    ///
    /// - Returns, Throws: as ``asking(_:duty:_:)``.
    func waiting<Value>(
        for mirror: Repository,
        duty: MirrorStanding.Duty = .answers,
        _ ask: (Repository) async throws -> Value?
    ) async throws -> Value? {
        try await hearing(mirror, duty, ask, of: mirror)
    }

    private func hearing<Value>(
        _ mirror: Repository,
        _ duty: MirrorStanding.Duty,
        _ ask: (Repository) async throws -> Value?,
        of repository: Repository
    ) async throws -> Value? {
        do {
            guard let value = try await ask(repository) else {
                lacks(mirror.location, duty)
                return nil
            }
            answered(mirror.location, duty == .blobs ? nil : duty)
            return value
        } catch let failure as ReaderFailure {
            throw failure.error
        } catch {
            try Task.checkCancellation()
            failed(mirror.location, duty: duty, error)
            return nil
        }
    }

    /// A mirror has begun to answer.
    func heard(_ mirror: RepositoryReference) { first.heard(mirror.host) }

    /// The mirrors that want no requests now, each for no longer than anybody waits for it.
    func worthWaiting(_ mirrors: [Repository]) -> [Repository] {
        let now = timer.now()
        return state.withLock { state in
            mirrors.filter {
                guard case .asked(let until)? = state.standings[$0.location.host]?.rest else { return false }
                return until - now <= $0.patience
            }
        }
    }

    /// Takes note of a failure and tells of a mirror's first; that it lacks something is none.
    func failed(_ mirror: RepositoryReference, duty: MirrorStanding.Duty = .answers, _ error: any Error) {
        if (error as? RegistryError)?.kind == .notFound { return lacks(mirror, duty) }
        defer { heard(mirror) }
        let now = timer.now()
        let (isFirst, begun) = state.withLock { state in
            let standing = state.standings[mirror.host, default: MirrorStanding()]
                .failed(error, duty, at: now, restingFor: rest)
            return (state.told.insert(mirror.host).inserted, standing)
        }
        logger.log(
            level: isFirst ? .warning : begun != nil ? .notice : .debug,
            "a mirror fails, so the next source is asked\(begun.map { Self.text($0, now) } ?? "")",
            metadata: ["mirror": "\(mirror)", "error": "\(error)"]
        )
    }

    private static func text(_ rest: MirrorStanding.Rest, _ now: Duration) -> String {
        switch rest {
        case .failedForGood: "; it is not asked again in this run"
        case .asked(let until), .failed(let until): "; it is not asked for \((until - now).components.seconds) s"
        case .tried: ""
        }
    }

    /// Takes note that a mirror has answered.
    func answered(_ mirror: RepositoryReference, _ duty: MirrorStanding.Duty? = .answers) {
        let now = timer.now()
        state.withLock { state in
            if state.standings[mirror.host]?.answered(duty, at: now) == true { state.told.remove(mirror.host) }
        }
        heard(mirror)
    }

    /// Takes note that a mirror does not have what it was asked for.
    func lacks(_ mirror: RepositoryReference, _ duty: MirrorStanding.Duty = .answers) {
        answered(mirror, duty)
        logger.debug("a mirror lacks it, so the next source is asked", metadata: ["mirror": "\(mirror)"])
    }

    /// A blob is read from its beginning: see ``BlobSenders/begin(_:blaming:)``.
    func begin(_ digest: Digest) -> Set<RepositoryReference> {
        senders.begin(digest) { mirror in
            failed(mirror, duty: .blobs, DocumentError(.digestMismatch, "what it sent of \(digest) was not usable"))
        }
    }

    /// All bytes of a blob were right.
    func wereRight(_ digest: Digest) {
        for mirror in senders.wereRight(digest) { answered(mirror, .blobs) }
    }

    /// Takes note that a host tells what its own tags are.
    func hostAnswered(_ host: RegistryHost) { state.withLock { _ = $0.replaced.remove(host) } }

    /// Tells, once for each time that a host is out of reach, that its tags are taken from a mirror, where they may be older.
    func stoodIn(_ mirror: RepositoryReference, for host: RepositoryReference, _ error: any Error) {
        let isFirst = state.withLock { $0.replaced.insert(host.host).inserted }
        logger.log(
            level: isFirst ? .warning : .debug,
            "the source cannot be reached, so a mirror tells what its tags are; they may be older",
            metadata: ["source": "\(host)", "mirror": "\(mirror)", "error": "\(error)"]
        )
    }
}
