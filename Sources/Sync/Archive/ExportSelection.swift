import Cache
import Glibc
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

    /// Its entries are the configuration's.
    let planner: Planner
    let cache: ContentCache
    let logger: Logger

    /// - Returns: each once, sorted by reference.
    /// - Throws: ``ExportError`` (`nothing`, `several`), `CacheError`, `CancellationError`; the error of a single entry.
    func choices(_ wishes: [ExportRequest.Wish]) async throws -> [Choice] {
        var choices: [Choice] = []
        var entries: [Int] = []
        var failures = ExportFailures()
        if wishes.isEmpty { choices += try await all() }
        for wish in wishes {
            switch wish {
            case .reference(let reference):
                let named = try await tags(of: reference)
                if named.isEmpty { failures.add("\(reference)", ExportError(.unmatched("\(reference)"))) }
                choices += named
            case .glob(let pattern):
                let matching = try await all().filter { fnmatch(pattern, $0.reference.description, 0) == 0 }
                if matching.isEmpty { failures.add(pattern.displaySafe, ExportError(.unmatched(pattern.displaySafe))) }
                choices += matching
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
                choices += plan.tags.map { Choice(location: entry.source, tag: $0.source) }
            }
        }
        try failures.check()
        guard !choices.isEmpty else { throw ExportError(.nothing) }
        choices.sort { $0.reference.description.utf8.lexicographicallyPrecedes($1.reference.description.utf8) }
        return choices.reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }

    private func all() async throws -> [Choice] {
        var choices: [Choice] = []
        for location in try await cache.names.locations() { choices += try await held(location) }
        return choices
    }

    /// Those that stand for an image of their own.
    private func held(_ location: RepositoryReference) async throws -> [Choice] {
        try await cache.names.tags(of: location).map(\.0).filter { !$0.isReferrerTag }
            .map { Choice(location: location, tag: $0) }
    }

    private func tags(of reference: ImageReference) async throws -> [Choice] {
        if let tag = reference.tag { return [Choice(location: reference.location, tag: tag)] }
        return try await held(reference.location)
    }
}
