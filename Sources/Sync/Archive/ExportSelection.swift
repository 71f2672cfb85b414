import Cache
import Glibc
import Logging
import OCI
import Registry

/// Turns what people ask for into tags of repositories.
struct ExportSelection: Sendable {
    /// One image to be exported.
    struct Choice: Hashable, Sendable {
        let location: RepositoryReference
        let tag: TagName

        var reference: ImageReference { ImageReference(location: location, tag: tag) }
    }

    /// `nil` when there is none.
    let configuration: Configuration?
    let cache: ContentCache
    /// `nil` asks nobody.
    let client: RegistryClient?
    let mirrorHealth: MirrorHealth
    let logger: Logger

    /// - Returns: each once, sorted by reference.
    /// - Throws: ``ExportError`` (`nothing`, `several`), ``CopyError``, `RegistryError`, `CacheError`, `CancellationError`.
    func choices(_ wishes: [ExportRequest.Wish]) async throws -> [Choice] {
        var choices: Set<Choice> = []
        var failures = ExportFailures()
        if wishes.isEmpty { choices.formUnion(try await all()) }
        for wish in wishes {
            switch wish {
            case .reference(let reference): choices.formUnion(try await tags(of: reference))
            case .glob(let pattern):
                let matching = try await all().filter { fnmatch(pattern, $0.reference.description, 0) == 0 }
                if matching.isEmpty { logger.warning("no tag of the cache matches '\(pattern.displaySafe)'") }
                choices.formUnion(matching)
            case .entry(let position):
                guard let entry = configuration?.entries[position] else { continue }
                do {
                    choices.formUnion(try await tags(of: entry).map { Choice(location: entry.source, tag: $0) })
                } catch let error where !(error is CacheError || error is CancellationError) {
                    failures.add("\(entry.source)", error)
                }
            }
        }
        try failures.check()
        guard !choices.isEmpty else { throw ExportError(.nothing) }
        return choices.sorted { $0.reference.description.utf8.lexicographicallyPrecedes($1.reference.description.utf8) }
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
        let held = try await held(reference.location)
        if held.isEmpty { logger.warning("the cache holds no tag of \(reference.location)") }
        return held
    }

    private func tags(of entry: Configuration.Entry) async throws -> [TagName] {
        if case .tag(let tag) = entry.selection { return [tag] }
        let source: any ImageSource
        let listed: [ListedTag]
        if let client, let configuration {
            source = configuration.source(at: entry.source, client, mirrorHealth)
            let listing = try await SourceListing(source: source, client: client).tags()
            for warning in listing.warnings { logger.warning("\(warning)", metadata: entry.metadata) }
            listed = listing.tags
        } else {
            source = CachedSource(location: entry.source, cache: cache)
            listed = try await cache.names.tags(of: entry.source).map { ListedTag(name: $0.0) }
        }
        var choice = try TagSelector.select(from: listed, for: entry)
        if !choice.undated.isEmpty {
            let dated = try await ImageDates(source: source, cache: cache).adding(to: listed, for: choice.undated)
            for warning in dated.warnings { logger.warning("\(warning)", metadata: entry.metadata) }
            choice = try TagSelector.select(from: dated.tags, for: entry)
        }
        for warning in choice.warnings { logger.warning("\(warning)", metadata: entry.metadata) }
        return choice.tags.map(\.name)
    }
}
