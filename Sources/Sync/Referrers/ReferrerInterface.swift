import Cache
import Concurrency
import OCI

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
    }

    /// Who has listed referrers answers as if it knew no such question.
    struct Absence: Error, CustomStringConvertible {
        let place: String

        var description: String { "\(place) has listed referrers, and answers as if it knew no such question" }
    }

    let source: any ImageSource
    let cache: ContentCache?

    /// What it tells of some manifests, in their order.
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
        return told.map { told in
            switch (told, isThere) {
            case (.known(let entries?), _): .listed(entries)
            case (.known(nil), nil): .lacking
            case (.known(nil), true?): .passedOver
            case (.known(nil), false?): .withheld(Absence(place: source.place))
            case (.unknown(let error), nil): .untold(error)
            case (.unknown(let error), _?): .withheld(error)
            }
        }
    }

    /// Whether the interface answers at the moment, where some answers do not say so by themselves.
    ///
    /// Of who has listed something before, that is asked for again: who keeps it under a tag by now has none any more.
    ///
    /// - Returns: `nil` where it is not known to have ever been there.
    private func isThere(_ told: [Told]) async throws -> Bool? {
        if told.contains(where: { if case .known(_?) = $0 { true } else { false } }) { return true }
        guard let cache, !source.isCache, let known = try await cache.referrerAnswers.subject(in: source.location)
        else { return nil }
        switch try await source.referrers(of: known) {
        case .known(_?): return true
        case .unknown: return false
        case .known(nil): return try await source.manifest(.tag(known.referrersTag)) == nil ? false : nil
        }
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
