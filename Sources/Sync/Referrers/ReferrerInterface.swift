import Cache
import Concurrency
import OCI

/// What a source's own interface tells of referrers.
struct ReferrerInterface: Sendable {
    /// What it tells of one manifest.
    enum Answer: Sendable {
        case listed([ReferrerEntry])
        /// It knows no such question, and never did.
        case lacking
        /// It refuses to tell, and has never listed anything: it may have nothing to tell.
        case untold(any Error)
        /// It has listed what refers to other manifests, or did before, and does not tell now.
        case withheld(any Error)
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
        asking ask: (@Sendable (Digest) async throws -> Knowledge<[ReferrerEntry]?>)? = nil
    ) async throws -> [Answer] {
        let answers = try await subjects.map(limit: ReferrerSearch.parallelism) { subject in
            if let ask { try await ask(subject) } else { try await source.referrers(of: subject) }
        }
        let lists = try await hasInterface(answers)
        return answers.map { answer in
            switch answer {
            case .known(let entries?): .listed(entries)
            case .known(nil): lists ? .withheld(Absence(place: source.place)) : .lacking
            case .unknown(let error): lists ? .withheld(error) : .untold(error)
            }
        }
    }

    /// Whether it is known to list referrers, which is noted.
    private func hasInterface(_ answers: [Knowledge<[ReferrerEntry]?>]) async throws -> Bool {
        let isHeard = answers.contains { if case .known(_?) = $0 { true } else { false } }
        guard let cache, !source.isCache else { return isHeard }
        if isHeard { try await cache.referrerAnswers.noteInterface(of: source.location) }
        guard !isHeard else { return true }
        return try await cache.referrerAnswers.hasInterface(source.location)
    }
}

extension ReferrerIndexes.Keeper {
    init(_ answer: ReferrerInterface.Answer) {
        self =
            switch answer {
            case .listed: .registry
            case .lacking: .tags
            case .untold, .withheld: .untold
            }
    }
}
