import Cache
import Concurrency
import OCI
import Registry

/// What a source's own interface tells of referrers.
struct ReferrerInterface: Sendable {
    typealias Told = Knowledge<[ReferrerEntry]?>

    /// What it tells of one manifest.
    enum Answer: Sendable {
        case listed([ReferrerEntry])
        /// It knows no such question, and never did, or does no more.
        case lacking
        /// It tells of others, and answers of this one as if it knew no such question: some do where there is nothing.
        case passedOver
        /// It refuses to tell, and has never listed anything: it may have nothing to tell.
        case untold(any Error)
        /// It tells of others, or did before, and refuses to tell of this one, or answers for a time as if it knew no such question.
        case withheld(any Error)

        var isListed: Bool { if case .listed(let entries) = self { !entries.isEmpty } else { false } }

        /// Whether it may have more to tell another time, also than what a tag lists in its place.
        var isUntold: Bool {
            switch self {
            case .passedOver, .withheld: true
            case .listed, .lacking, .untold: false
            }
        }
    }

    /// Who has listed referrers answers as if it knew no such question.
    struct Absence: Error, CustomStringConvertible {
        let place: String

        var description: String { "\(place) has listed referrers, and answers as if it knew no such question" }
    }

    /// What one image shows of the interface, by which something was listed before.
    private enum Sign {
        case there
        /// It refuses to tell, or knows no such question although what it listed is still there.
        case away
        /// A list under a tag has taken its place.
        case replaced
        /// The image is gone, or what referred to it.
        case none
    }

    /// How many images are asked for one after the other, and how many of what refers to one.
    private static let mostAsked = 8

    let source: any ImageSource
    let cache: ContentCache?
    /// Whether what is heard may be noted.
    var notes = true

    /// What it tells of some manifests, in their order; notes whether it tells.
    ///
    /// - Throws: `CacheError`; what asking throws; `CancellationError`.
    func answers(
        to subjects: [Digest],
        asking ask: (@Sendable (Digest) async throws -> Told)? = nil
    ) async throws -> [Answer] {
        let told = try await subjects.map(limit: ReferrerSearch.parallelism) { subject in
            if let ask { try await ask(subject) } else { try await source.referrers(of: subject) }
        }
        let isThere = try await isThere(told)
        let answers: [Answer] = told.map { told in
            switch (told, isThere) {
            case (.known(let entries?), _): .listed(entries)
            case (.known(nil), nil): .lacking
            case (.known(nil), true?): .passedOver
            case (.known(nil), false?): .withheld(Absence(place: source.place))
            case (.unknown(let error), nil): .untold(error)
            case (.unknown(let error), _?): .withheld(error)
            }
        }
        if let first = zip(subjects, answers).first(where: \.1.isListed)?.0 {
            await note { try await $0.noteListed(first, in: source.location) }
        }
        return answers
    }

    /// Whether the interface answers at the moment, where some answers do not say so by themselves.
    ///
    /// Of who has listed something before, that is asked for again, and where that shows nothing any more, something else that
    /// was listed. Where none of it does, the interface counts as never heard.
    ///
    /// - Returns: `nil` where it is not known to have ever been there, or to be there no more.
    private func isThere(_ told: [Told]) async throws -> Bool? {
        if told.contains(where: { if case .known(_?) = $0 { true } else { false } }) { return true }
        let location = source.location
        guard let cache, !source.isCache, let known = try await cache.referrerAnswers.subject(in: location)
        else { return nil }
        switch try await sign(of: known, cache) {
        case .there: return true
        case .away: return false
        case .none: if let isThere = try await isThere(besides: known, cache) { return isThere }
        case .replaced: break
        }
        await note { try await $0.forgetListed(in: location) }
        return nil
    }

    /// The same of others of which something was listed, be it under a tag: of them the first that is listed is remembered.
    private func isThere(besides known: Digest, _ cache: ContentCache) async throws -> Bool? {
        let location = source.location
        var isThere: Bool?
        for other in try await cache.referrers.subjects(in: location, limit: Self.mostAsked) where other != known {
            switch try await sign(of: other, cache) {
            case .there:
                await note { answers in
                    try await answers.forgetListed(in: location)
                    try await answers.noteListed(other, in: location)
                }
                return true
            case .away: isThere = false
            case .replaced, .none: break
            }
        }
        return isThere
    }

    private func sign(of subject: Digest, _ cache: ContentCache) async throws -> Sign {
        switch try await source.referrers(of: subject) {
        case .known(_?): return .there
        case .unknown: return .away
        case .known(nil): break
        }
        let list = try await source.manifest(.tag(subject.referrersTag))
        if let list, ReferrerEntry.listed(by: list, of: subject) != nil { return .replaced }
        guard try await has(subject) else { return .none }
        let listed = try await cache.referrers.listed(of: subject, in: source.location)
        for referrer in listed.prefix(Self.mostAsked) where try await has(referrer) { return .away }
        return listed.isEmpty ? .away : .none
    }

    /// Asks the host alone.
    private func has(_ digest: Digest) async throws -> Bool {
        do {
            return try await source.withoutMirrors.manifest(.digest(digest)) != nil
        } catch let error as RegistryError where error.status == 410 {
            return false
        }
    }

    /// Who asks is told also where it cannot be noted.
    private func note(_ body: (ReferrerAnswers) async throws -> Void) async {
        guard notes, !source.isCache, let cache else { return }
        try? await body(cache.referrerAnswers)
    }
}

extension ReferrerIndexes.Keeper {
    init(_ answer: ReferrerInterface.Answer) {
        self =
            switch answer {
            case .listed: .registry
            case .lacking: .tags
            case .passedOver, .untold, .withheld: .untold
            }
    }
}
