import Cache
import Concurrency
import NIOCore
import OCI

/// Copies what refers to an image, what refers to that, and so on.
///
/// Runs before the image's topmost manifest is stored, under its tag: an image whose referrers failed looks as absent as
/// it was, and the next run tries again. What refers to a source's index is left out where the target gets an index of
/// chosen platforms: its subject is not there. Tags such as `sha256-….sig` become at the target what they are at the
/// source.
struct ReferrerCopy: Sendable {
    let copy: ImageCopy
    let graph: ImageGraph
    /// Whether the target has the image already, so that others may have signed it there.
    var isUpToDate = false

    /// What it came to.
    struct Outcome: Sendable {
        var count = 0
        /// One line each.
        var warnings: [String] = []
        /// Whether the target was sent anything.
        var hasWritten = false
    }

    /// Once a run for all tags of the image.
    ///
    /// - Returns: what it came to; for another tag than the first without having written anything.
    /// - Throws: ``CopyError`` that names the referrer; `CancellationError`. Safe to repeat.
    func run() async throws -> Outcome {
        var isFirst = false
        let work = ReferrerIndexes.Work(on: graph, of: copy.job)
        let fetch = { () async throws -> Outcome in
            isFirst = true
            return try await bring()
        }
        var outcome = try await copy.known.referrerIndexes.copies.value(for: work, isGood: { _ in true }, fetch: fetch)
        if !isFirst { outcome.hasWritten = false }
        return outcome
    }

    private func bring() async throws -> Outcome {
        var search = ReferrerSearch(source: copy.source, cache: copy.cache, tags: try await copy.referrerTags())
        search.target = copy.job.target
        var outcome = Outcome()
        var isUntold = false
        var sent: [(found: FoundReferrers, own: GivenReferrers.Content)] = []
        let last = try await search.forEachLevel(above: graph.subjects) { found in
            // Before the target is given anything: what one source of it lists another does not take away.
            if !copy.source.isCache { try await note(found) }
            for found in found {
                outcome.count += found.referrers.count
                isUntold = isUntold || found.isUntold || found.unheard != nil
                let own = try await copy.cache.given.content(of: copy.job.gift(of: found.subject))
                let written = try await send(found, own)
                outcome.warnings += written.warnings
                outcome.hasWritten = outcome.hasWritten || written.hasWritten
                sent.append((found, own))
            }
        }
        // What counts as given is asked for no more: so only once all has come, the image's own last.
        for (found, own) in sent.reversed() { try await noteGiven(found, besides: own) }
        if let last { outcome.warnings.append(ReferrerSearch.leftOut(above: last)) }
        if !copy.source.isCache {
            let gift = copy.job.gift(of: graph.top.descriptor.digest)
            try await copy.cache.referrerAnswers.note(isUntold: isUntold, of: gift)
        }
        return outcome
    }

    /// Notes what the source lists and is to give, and forgets those of cosign's tags that it has no more.
    private func note(_ found: [FoundReferrers]) async throws {
        for found in found {
            for tag in found.subject.cosignTags
            where !found.refusedTags.contains(tag) && !found.referrers.contains(where: { $0.tag == tag }) {
                guard try await copy.cache.names.resolve(.tag(tag), in: copy.job.source) != nil else { continue }
                _ = try await copy.cache.names.remove(tag, of: copy.job.source)
            }
            try await copy.cache.given.announce(found.content.all, in: copy.job.gift(of: found.subject))
        }
        try await copy.cache.noteReferrers(found, in: copy.job.source)
    }

    private func send(_ found: FoundReferrers, _ own: GivenReferrers.Content) async throws -> Outcome {
        let given = try await copy.cache.given.all(of: found.subject, to: copy.job.target)
        var (sent, replaced) = ([Referrer](), [String]())
        for referrer in found.referrers {
            let digest = referrer.manifest.descriptor.digest
            try await CopyError.naming(referrer.tag?.description ?? digest.description, of: found.subject) {
                switch try await standing(of: referrer, given) {
                case .there: return try await keep(referrer)
                case .replaced(let other): replaced.append(try text(replacing: other, by: referrer))
                case .absent: break
                }
                try await send(referrer)
                sent.append(referrer)
            }
        }
        var outcome = Outcome(hasWritten: !sent.isEmpty)
        outcome.warnings = replaced + found.leftOut(by: copy.source)
        let listed = try await CopyError.naming("the list of referrers", of: found.subject) {
            try await TargetReferrerList(copy: copy, subject: found.subject).change(
                adding: found.referrers.filter { $0.tag == nil }.map(\.manifest),
                withdrawing: withdrawn(found, own),
                isTold: sent.contains { $0.tag == nil }
            )
        }
        outcome.warnings += listed.warnings
        outcome.hasWritten = outcome.hasWritten || listed.hasWritten
        return outcome
    }

    private func withdrawn(_ found: FoundReferrers, _ own: GivenReferrers.Content) -> Set<Digest> {
        found.hasList && !copy.source.isCache ? own.withdrawable.subtracting(found.listed.map(\.digest)) : []
    }

    /// Notes what the source has given, and forgets what it has given before and has no more.
    private func noteGiven(_ found: FoundReferrers, besides own: GivenReferrers.Content) async throws {
        let (gift, content) = (copy.job.gift(of: found.subject), found.content)
        // That the cache lacks something does not mean that its source has it no more.
        guard !copy.source.isCache else { return try await copy.cache.given.note(content.besides(own), in: gift) }
        let former = own.all.union(own.guessed).union(own.meant)
        let listed = found.hasList ? Set(found.listed.map(\.digest)) : former.subtracting(own.tagged)
        let left = found.refusedTags.isEmpty ? listed : listed.union(own.tagged)
        try await copy.cache.given.forget(former.subtracting(content.all).subtracting(left), in: gift)
        let given = GivenReferrers.Content(
            listed: content.listed.union(own.listed.intersection(left)),
            tagged: content.tagged
        )
        try await copy.cache.given.note(given, in: gift)
    }

    /// What the target has of something that is to be there.
    private enum Standing {
        case there
        case absent
        /// Something else under its tag that others have put there, and that does not hold all of it.
        case replaced(Digest)
    }

    /// Nothing is asked about what an image brings along that the target does not have itself.
    private func standing(of referrer: Referrer, _ given: Set<Digest>) async throws -> Standing {
        let digest = referrer.manifest.descriptor.digest
        let isGiven = given.contains(digest)
        guard let tag = referrer.tag else {
            guard isGiven, case .known(true) = try await copy.target.asking({ try await $0.holds(.digest(digest)) })
            else { return .absent }
            return .there
        }
        try copy.known.referrerIndexes.take(tag, for: digest, by: copy.job)
        guard isGiven || isUpToDate else { return .absent }
        switch try await copy.target.asking({ try await $0.manifest(.tag(tag)) }) {
        case .known(nil): return .absent
        case .known(let there?):
            let isWhole = there.descriptor.digest == digest || Self.adds(there, to: referrer.manifest)
            if isGiven || isWhole { return .there }
            // What it was given before is its source's to replace.
            return given.contains(there.descriptor.digest) ? .absent : .replaced(there.descriptor.digest)
        case .unknown: return isGiven ? .there : .absent
        }
    }

    /// Whether one has all layers of another, and more: who signs as well adds a layer, and what it says is in its annotations.
    private static func adds(_ manifest: Manifest, to other: Manifest) -> Bool {
        let (own, others) = (layers(of: manifest), layers(of: other))
        return own.count > others.count && others.isSubset(of: own)
    }

    /// As they are written, annotations and all.
    private static func layers(of manifest: Manifest) -> Set<String> {
        let bytes = manifest.bytes
        let layers = (try? JSONValue(parsing: bytes))?["layers"]?.elements ?? []
        return Set(
            layers.compactMap { bytes.getString(at: bytes.readerIndex + $0.range.lowerBound, length: $0.range.count) }
        )
    }

    private func text(replacing other: Digest, by referrer: Referrer) throws -> String {
        "\(copy.target.location):\(referrer.tag?.description ?? "") was \(other), which upstream does not have; it is "
            + "replaced by \(referrer.manifest.descriptor.digest)"
    }

    /// Has the cache know what the target has already, as far as it holds it.
    private func keep(_ referrer: Referrer) async throws {
        let top = referrer.manifest.descriptor
        let isHere = try copy.cache.manifest(top.digest) != nil
        if let tag = referrer.tag {
            let known = try await copy.cache.names.resolve(.tag(tag), in: copy.job.source)?.digest
            guard known != top.digest else { return }
        } else if isHere {
            return
        }
        guard !copy.source.isCache, !copy.cache.isReadOnly else { return }
        var walk = ImageWalk(source: copy.source, cache: copy.cache)
        let graph = try await walk.graph(of: referrer.manifest, platforms: [])
        try await copy.cache.hold(graph.descriptors)
        try await record(graph, of: referrer)
    }

    private func record(_ graph: ImageGraph, of referrer: Referrer) async throws {
        try await copy.record(graph)
        guard let tag = referrer.tag else { return }
        if try copy.cache.contains(graph.top.descriptor) {
            try await copy.cache.names.record(tag, of: copy.job.source, as: graph.top.descriptor)
        } else {
            // What the target has mounted never came here.
            try await copy.noteGiven(graph.top.descriptor.digest, as: tag)
        }
    }

    private func send(_ referrer: Referrer) async throws {
        var walk = ImageWalk(source: copy.source, cache: copy.cache)
        let graph = try await walk.graph(of: referrer.manifest, platforms: [])
        try await copy.cache.hold(graph.descriptors)
        try await copy.push(graph) {
            do {
                try await store(graph.top, as: referrer.tag)
            } catch let error as any TargetRefusal where error.mayLackSubject && !hasTop {
                // Against the specification some registries want the subject before what refers to it.
                try await copy.target.store(self.graph.top, as: nil)
                copy.known.note(self.graph.top.descriptor, as: .manifest, in: copy.job.target)
                try await store(graph.top, as: referrer.tag)
            }
        }
        try await record(graph, of: referrer)
    }

    private func store(_ manifest: Manifest, as tag: TagName?) async throws {
        guard tag == nil else {
            try await copy.target.store(manifest, as: tag)
            return
        }
        _ = try await copy.known.ensure(manifest.descriptor, as: .manifest, in: copy.job.target) {
            let outcome = try await copy.target.store(manifest, as: nil)
            if try await isListed(manifest, outcome) { copy.known.referrerIndexes.note(.registry, of: copy.job.target) }
            return .stored(bytes: manifest.descriptor.size)
        }
    }

    /// Whether the target lists by itself what it was given; it is asked where what it said of that was not heard.
    private func isListed(_ manifest: Manifest, _ outcome: ManifestOutcome) async throws -> Bool {
        if case .stored(let isListed?) = outcome { return isListed }
        guard let subject = manifest.subject?.digest,
            case .known(let entries?) = try await copy.target.referrers(of: subject)
        else { return false }
        return entries.contains { $0.descriptor.digest == manifest.descriptor.digest }
    }

    private var hasTop: Bool {
        copy.known.isKnown(graph.top.descriptor, as: .manifest, in: copy.job.target)
    }
}

extension CopyError {
    /// Says of an error which referrer it is about.
    static func naming<Result>(
        _ referrer: String,
        of subject: Digest,
        _ body: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await body()
        } catch let error where !error.isCancellation {
            if (error as? CopyError)?.isAboutReferrers == true || error is TargetCollision { throw error }
            throw CopyError(.referrer(referrer, subject: subject, reason: String(describing: error)))
        }
    }

    /// Says of an error about referrers that the target has the image itself.
    static func ofPresentImage<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch var error as CopyError {
            error.isOfPresentImage = true
            throw error
        }
    }

    private var isAboutReferrers: Bool {
        switch kind {
        case .referrer, .tooManyReferrers: true
        default: false
        }
    }
}
