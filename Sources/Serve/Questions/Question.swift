import Concurrency
import Logging
import OCI

/// One kind of question to upstreams, such as what a tag names: put once for all who ask, and its answer known for a
/// while.
///
/// Who asks in vain hears why. Who has an older answer waits for a better one only the first time that a host does not
/// give it, and then at once has what there is, marked as stale, while the host is asked in the background. What somebody
/// else says in the host's place is an older answer from the start, and asked for only where there is none.
final class Question<Key: Hashable & Sendable, Answer: Sendable>: Sendable {
    /// How long what is learnt of a key is believed.
    typealias Lifetimes = (answer: Duration, absence: Duration, failure: Duration)

    /// What who asks is told.
    struct Told: Sendable {
        enum Source: Hashable, Sendable {
            /// It was known.
            case memory
            case upstream
            /// It was known once, and the upstream does not say whether it still holds.
            case stale
        }

        /// `nil` for what does not exist.
        let answer: Answer?
        let source: Source
    }

    private struct Known: Sendable {
        /// Whether there is something; `nil` where that has not been heard.
        var exists: Bool?
        /// What had the name in the cache when that was heard, and what was heard: what gets it later is newer.
        var names: Set<Digest> = []
        /// What the answer is called: what who asks has is the answer only where it is called the same.
        var digest: Digest?
        /// The answer, unless who asks has it.
        var answer: Answer?
        var until: Duration
        /// Until when the upstream is not asked again because it failed, and with what.
        var failure: (error: UpstreamError, until: Duration)?
    }

    /// Its host was not asked.
    private struct LeftAlone: Error { let refusal: UpstreamError }

    /// How long an answer may take as a whole, so that one which never ends holds nobody who asks later.
    static var deadline: Duration { .seconds(30) }

    private let lifetimes: Lifetimes
    private let servesStale: Bool
    let patience: Duration
    let deadline: Duration
    let time: Timer
    let health: HostHealth
    private let flights: Flights<Key, Answer?>
    /// What others are asked in a host's place.
    private let standIns: Flights<Key, Answer?>
    private let known: Memory<Key, Known>
    private let weigh: @Sendable (Answer) -> Int?
    private let name: @Sendable (Answer) -> Digest?
    private let find: @Sendable (Key, Digest) async throws -> Answer?
    private let logger: Logger

    /// - Parameters:
    ///   - lifetimes: how long what is learnt is believed.
    ///   - servesStale: whether an answer that may hold no more is better than none.
    ///   - deadline: how long an answer may take as a whole.
    ///   - capacity: how much may be kept, in bytes.
    ///   - context: what it shares with other questions.
    ///   - name: what an answer is called, by which who asks finds it elsewhere.
    ///   - find: an answer that is not kept here, by what it is called.
    ///   - weigh: the bytes of an answer; `nil` for one that need not be kept, because it is found elsewhere.
    init(
        _ lifetimes: Lifetimes,
        servesStale: Bool = true,
        deadline: Duration = Question.deadline,
        capacity: Int,
        _ context: QuestionContext,
        name: @escaping @Sendable (Answer) -> Digest? = { _ in nil },
        find: @escaping @Sendable (Key, Digest) async throws -> Answer? = { _, _ in nil },
        weigh: @escaping @Sendable (Answer) -> Int?
    ) {
        self.lifetimes = lifetimes
        self.servesStale = servesStale
        self.deadline = deadline
        self.weigh = weigh
        self.name = name
        self.find = find
        patience = context.patience
        time = context.time
        health = context.health
        logger = context.logger
        flights = Flights(context.work)
        standIns = Flights(context.work)
        known = Memory(capacity: capacity)
    }

    /// Whether an answer is kept, as old as it may be.
    func isKept(_ key: Key) -> Bool { known[key]?.answer != nil }

    /// Whether it is known now that there is nothing.
    func isAbsent(_ key: Key) -> Bool {
        guard let former = known[key], former.until > time.now() else { return false }
        return former.exists == false
    }

    /// Remembers what an upstream has said, asked by whomever.
    ///
    /// - Parameters:
    ///   - answer: `nil` for what does not exist.
    ///   - key: what it is about.
    ///   - names: what has that name in the cache: what gets it later is newer.
    func learn(_ answer: Answer?, of key: Key, beside names: Set<Digest> = []) {
        let lifetime = answer == nil ? lifetimes.absence : lifetimes.answer
        let digest = answer.flatMap(name)
        let known = Known(
            exists: answer != nil,
            names: digest.map { names.union([$0]) } ?? names,
            digest: digest,
            answer: answer,
            until: time.now() + lifetime
        )
        keep(known, of: key)
    }

    /// Takes note that who asks has an answer from now on that had to be kept here.
    func handOver(_ answer: Answer, of key: Key) {
        guard var former = known[key], let digest = former.digest, digest == name(answer) else { return }
        former.answer = answer
        keep(former, of: key)
    }

    /// The answer, from what is known or from the upstream.
    ///
    /// - Parameters:
    ///   - key: what is asked about.
    ///   - host: who knows.
    ///   - own: what who asks has, as old as it may be, where no answer is kept: the answer, where it is called what was
    ///     heard, and as long as that is believed.
    ///   - held: what there is to be told where no answer comes and none is kept; it may lack something.
    ///   - names: what has that name in the cache, of which nothing need be here.
    ///   - hasAskedOthers: whether `fetch` asks those too who stand in for the host, so that only a host that is left alone
    ///     has them asked instead.
    ///   - standIn: asks them, in the place of a host that has failed so; `nil` where there is nobody.
    ///   - fetch: asks the upstream; `nil` says that there is nothing.
    /// - Returns: the answer, and how old it is.
    /// - Throws: what `fetch` throws, or threw just now, where there is no older answer; ``ServeError`` when the server is
    ///   stopping; `CancellationError`, which does not end the fetch for others.
    func ask(
        _ key: Key,
        at host: RegistryHost,
        own: Answer? = nil,
        held: Answer? = nil,
        beside names: Set<Digest> = [],
        hasAskedOthers: Bool = false,
        standIn: @escaping @Sendable (UpstreamError) async throws -> Answer? = { _ in nil },
        _ fetch: @escaping @Sendable () async throws -> Answer?
    ) async throws -> Told {
        let former = former(key, names)
        // What its host has called gone nobody brings back.
        let isHeld = servesStale && former?.exists != false
        let older = isHeld ? former?.answer ?? own ?? held : nil
        if let told = remembered(former, own, older) { return told }
        let refusal = health.refusal(of: host, isUrgent: older == nil)
        do {
            if let refusal { throw refusal }
            let answer = try await inTime(older == nil, host) { [self] in
                try await flights.value(for: key, about: host.description) { [self] in
                    if let told = await heardSince(key, names, own) { return told.answer }
                    return try await hear(key, host, names, fetch)
                }
            }
            return Told(answer: answer, source: .upstream)
        } catch {
            try Task.checkCancellation()
            if let older { return Told(answer: older, source: .stale) }
            let refusal = refusal ?? (error as? LeftAlone)?.refusal
            guard let error = refusal ?? error as? UpstreamError, refusal != nil || !hasAskedOthers,
                former?.exists != false,
                let answer = try await hearOthers(key, host, names, { try await standIn(error) })
            else { throw refusal ?? error }
            return Told(answer: answer, source: .stale)
        }
    }

    /// What is known, but for what was heard before something else got the name here.
    private func former(_ key: Key, _ names: Set<Digest>) -> Known? {
        guard var former = known[key], !names.isSubset(of: former.names) else { return known[key] }
        if former.exists == false { former.exists = nil }
        former.answer = nil
        former.until = .zero
        return former
    }

    /// What is told without asking anybody; `nil` where the upstream is to be asked.
    private func remembered(_ former: Known?, _ own: Answer?, _ older: Answer?) -> Told? {
        guard let former else { return nil }
        let now = time.now()
        if former.until > now {
            if former.exists == false { return Told(answer: nil, source: .memory) }
            let own = own.flatMap { name($0) == former.digest ? $0 : nil }
            if let answer = former.answer ?? own, former.exists == true { return Told(answer: answer, source: .memory) }
        }
        guard let older, let failure = former.failure, failure.until > now else { return nil }
        return Told(answer: older, source: .stale)
    }

    /// What has been heard since who asks looked for it.
    private func heardSince(_ key: Key, _ names: Set<Digest>, _ own: Answer?) async -> Told? {
        guard let former = former(key, names) else { return nil }
        if let told = remembered(former, own, nil) { return told }
        guard former.exists == true, former.until > time.now(), let digest = former.digest else { return nil }
        return try? await find(key, digest).map { Told(answer: $0, source: .memory) }
    }

    /// Asks others in the host's place; what they say is remembered as what was said last, unless the host has answered.
    private func hearOthers(
        _ key: Key,
        _ host: RegistryHost,
        _ names: Set<Digest>,
        _ ask: @escaping @Sendable () async throws -> Answer?
    ) async throws -> Answer? {
        try await standIns.value(for: key, about: host.description) { [self] in
            // They may have answered since that was looked for.
            if servesStale, let former = former(key, names), former.exists != false {
                if let answer = former.answer { return answer }
                if let digest = former.digest, let answer = try? await find(key, digest) { return answer }
            }
            let answer = try await inFull(host, ask)
            if let answer, known[key]?.exists == nil {
                keep(Known(names: names, digest: name(answer), answer: answer, until: .zero), of: key)
            }
            return answer
        }
    }

    /// Remembers what the upstream says, or that it says nothing.
    private func hear(
        _ key: Key,
        _ host: RegistryHost,
        _ names: Set<Digest>,
        _ fetch: @escaping @Sendable () async throws -> Answer?
    ) async throws -> Answer? {
        // It may have failed while this waited for its turn.
        if let refusal = health.refusal(of: host, isUrgent: true) { throw LeftAlone(refusal: refusal) }
        do {
            let answer = try await inFull(host) { [health] in try await health.hearing(host, fetch) }
            learn(answer, of: key, beside: names)
            return answer
        } catch let error as UpstreamError {
            logger.warning("an upstream gives no answer", metadata: ["about": "\(key)", "error": "\(error)"])
            guard !error.isPassing else { throw error }
            var former = known[key] ?? Known(until: .zero)
            former.failure = (error, time.now() + lifetimes.failure)
            keep(former, of: key)
            throw error
        }
    }

    private func keep(_ fresh: Known, of key: Key) {
        var fresh = fresh
        let bytes = fresh.answer.map(weigh) ?? 0
        if bytes == nil { fresh.answer = nil }
        guard !known.keep(fresh, of: key, bytes: bytes ?? 0) else { return }
        fresh.answer = nil
        known.keep(fresh, of: key, bytes: 0)
    }
}
