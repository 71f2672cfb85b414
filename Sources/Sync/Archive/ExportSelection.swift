import Cache
import Logging
import OCI

/// Turns what people ask for into tags of repositories.
struct ExportSelection: Sendable {
    /// One image to be exported.
    struct Choice: Hashable, Sendable {
        let location: RepositoryReference
        let tag: TagName

        var reference: ImageReference { ImageReference(location: location, tag: tag) }
    }

    /// What is meant, each once and sorted by reference.
    struct Selected {
        let choices: [Choice]
        /// The entries that were named and select an image.
        let entries: [Choice: [Int]]
        /// Tags that are named like those of referrers, where nobody named the tag itself: whatever is nobody's referrer is
        /// an image like any other.
        let lookalikes: [Choice]

        init(_ choices: [Choice], _ held: [Choice], _ entries: [Choice: [Int]]) {
            self.entries = entries
            let known = Set(choices)
            let sorted = { (choices: Set<Choice>) in
                choices.map { (text: $0.reference.description, choice: $0) }
                    .sorted { $0.text.utf8.lexicographicallyPrecedes($1.text.utf8) }.map(\.choice)
            }
            self.choices = sorted(known.union(held.filter { !$0.tag.isReferrerTag }))
            lookalikes = sorted(Set(held.filter { $0.tag.isReferrerTag }).subtracting(known))
        }
    }

    /// Its entries are the configuration's.
    let planner: Planner
    let cache: ContentCache
    let logger: Logger

    /// - Throws: ``ExportError`` (`nothing`, `several`), `CacheError`, `CancellationError`; the error of a single entry.
    func selected(_ wishes: [ExportRequest.Wish]) async throws -> Selected {
        var choices: [Choice] = []
        var held: [Choice] = []
        var entries: [Int] = []
        var selecting: [Choice: [Int]] = [:]
        var failures = ExportFailures()
        if wishes.isEmpty { held += try await all() }
        for wish in wishes {
            switch wish {
            case .reference(let reference):
                if let tag = reference.tag {
                    choices.append(Choice(location: reference.location, tag: tag))
                    continue
                }
                let named = try await self.held(reference.location)
                if named.isEmpty { failures.add("\(reference)", ExportError(.unmatched("\(reference)"))) }
                held += named
            case .glob(let pattern):
                let matching = try await all().filter { NameGlob(pattern).matches($0.reference) }
                if matching.isEmpty { failures.add(pattern.displaySafe, ExportError(.unmatched(pattern.displaySafe))) }
                held += matching
            case .entry(let position): entries.append(position)
            }
        }
        for outcome in try await planner.plan(entries, to: .selection).outcomes {
            let entry = planner.configuration.entries[outcome.entry]
            switch outcome {
            case .failed(_, let error as CacheError): throw error
            case .failed(_, let error): failures.add("\(entry.source)", error)
            case .planned(let plan):
                for warning in plan.warnings { logger.warning("\(warning)", metadata: entry.metadata) }
                let selected = plan.tags.map { Choice(location: entry.source, tag: $0.source) }
                choices += selected
                for choice in selected { selecting[choice, default: []].append(outcome.entry) }
            }
        }
        try failures.check()
        guard !choices.isEmpty || !held.isEmpty else { throw ExportError(.nothing) }
        return Selected(choices, held, selecting)
    }

    private func all() async throws -> [Choice] {
        var choices: [Choice] = []
        for location in try await cache.names.locations() { choices += try await held(location) }
        return choices
    }

    private func held(_ location: RepositoryReference) async throws -> [Choice] {
        try await cache.names.tags(of: location).map { Choice(location: location, tag: $0.0) }
    }
}
