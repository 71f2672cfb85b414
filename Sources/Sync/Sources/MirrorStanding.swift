import OCI
import Registry

/// Whether one mirror is asked, by how it has done; tells no time itself.
struct MirrorStanding {
    /// Why a mirror is left out.
    enum Rest: Hashable {
        /// It wants no requests until then.
        case asked(until: Duration)
        /// It has failed.
        case failed(until: Duration)
        /// It has failed, and nobody comes back to it.
        case failedForGood
        /// Somebody asks alone whether it is well again, and has until then.
        case tried(until: Duration)

        func isOver(at now: Duration) -> Bool {
            switch self {
            case .asked(let until), .failed(let until), .tried(let until): until <= now
            case .failedForGood: false
            }
        }
    }

    /// What a mirror may be good at, whatever becomes of the other.
    enum Duty {
        /// To answer what it is asked.
        case answers
        /// To send blobs that turn out to be right.
        case blobs
    }

    /// How many operations in a row a mirror may fail, of all or of one kind.
    private static let maximumFailures = 3
    /// The longest time for which a mirror is left out by its own word, and the longest that one try keeps others from it.
    private static let longest = Duration.seconds(900)
    private static let longestTry = Duration.seconds(60)

    private(set) var rest: Rest?
    private var failures = 0
    private var failuresOf: [Duty: Int] = [:]

    func isAsked(at now: Duration) -> Bool { rest?.isOver(at: now) ?? true }

    /// Whether it is left out because it fails.
    func isFailing(at now: Duration) -> Bool {
        if case .asked = rest { false } else { !isAsked(at: now) }
    }

    /// Whether it is asked now; after a rest by one alone.
    mutating func begin(at now: Duration) -> Bool {
        guard isAsked(at: now) else { return false }
        if rest != nil { rest = .tried(until: now + Self.longestTry) }
        return true
    }

    /// Takes note that who asked alone has stopped before anything was heard: the next one may ask.
    mutating func stopped(_ begun: Rest?, at now: Duration) {
        if case .tried = begun, rest == begun { rest = .tried(until: now) }
    }

    /// Takes note of an answer, which ends a rest that is over: what was asked before a rest is answered in it.
    ///
    /// - Parameters:
    ///   - duty: what has been done well; `nil` where that is not known yet.
    ///   - now: when.
    /// - Returns: whether it has come back.
    mutating func answered(_ duty: Duty? = .answers, at now: Duration) -> Bool {
        guard let rest else {
            failures = 0
            if let duty { failuresOf[duty] = nil }
            return false
        }
        if case .tried = rest {} else if !rest.isOver(at: now) { return false }
        self = MirrorStanding()
        return true
    }

    /// Takes note of a failure.
    ///
    /// - Parameters:
    ///   - error: what went wrong.
    ///   - duty: with what.
    ///   - now: when.
    ///   - time: how long a mirror is left out that does not say for how long; `nil` for ever.
    /// - Returns: the rest that begins with it.
    mutating func failed(
        _ error: any Error,
        _ duty: Duty = .answers,
        at now: Duration,
        restingFor time: Duration?
    ) -> Rest? {
        let former = rest
        if let asked = (error as? RegistryError)?.timeToRest {
            rest(.asked(until: now + min(asked, Self.longest)))
        } else if isLeftOut(after: error, duty, mayComeBack: time != nil) {
            rest(time.map { .failed(until: now + $0) } ?? .failedForGood)
        } else if case .tried = rest {
            rest = nil
        }
        switch former {
        case .asked, .failed, .failedForGood: return former?.isOver(at: now) == true ? rest : nil
        case .tried, nil: return rest
        }
    }

    /// Whoever can come back is left out as soon as it gives no sign.
    private mutating func isLeftOut(after error: any Error, _ duty: Duty, mayComeBack: Bool) -> Bool {
        guard error.isOfMirror else { return false }
        failures += 1
        failuresOf[duty, default: 0] += 1
        let kind = (error as? RegistryError)?.kind
        return kind == .connection(.refused) || max(failures, failuresOf[duty] ?? 0) >= Self.maximumFailures
            || mayComeBack && kind == .timeout
    }

    /// The longer rest holds.
    private mutating func rest(_ new: Rest) {
        switch (rest, new) {
        case (.failedForGood, _): break
        case (.asked(let old), .asked(let until)), (.asked(let old), .failed(let until)):
            if until > old { rest = new }
        default: rest = new
        }
    }
}

extension Error {
    /// It speaks against the mirror: it is neither a refusal, which may be one repository's, nor something that is not mirrored.
    fileprivate var isOfMirror: Bool {
        guard let error = self as? RegistryError else { return self is DocumentError }
        switch error.kind {
        case .unauthorized, .forbidden: return false
        case .unsupported: return error.status != nil
        default: return true
        }
    }
}
