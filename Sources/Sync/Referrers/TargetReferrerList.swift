import Cache
import OCI

/// The index in which a target without the referrers interface keeps, under a tag, what refers to a manifest
/// (OCI distribution-spec 1.1.1, "Referrers Tag Schema").
struct TargetReferrerList: Sendable {
    typealias Outcome = ReferrerCopy.Outcome

    let copy: ImageCopy
    let subject: Digest

    /// Brings the index up to date, unless the target lists by itself what it has.
    ///
    /// - Parameters:
    ///   - listed: what the target has of what refers to the subject, and which no tag of its own names.
    ///   - withdrawn: what this source lists no more; what another goes on to give stays listed.
    ///   - isTold: whether the target was given some of it just now, and has had its chance to say that it lists it by itself.
    /// - Returns: what to tell, and whether the list has changed.
    /// - Throws: what source and target throw; `CacheError`; `CancellationError`. Safe to repeat.
    func change(adding listed: [Manifest], withdrawing withdrawn: Set<Digest>, isTold: Bool) async throws -> Outcome {
        guard !listed.isEmpty || !withdrawn.isEmpty else {
            // Nor is one missed then.
            if try await copy.cache.given.others(than: gift).isEmpty { try await forget() }
            return Outcome()
        }
        guard copy.known.referrerIndexes.areKept(by: copy.job.target) != true else {
            return Outcome(warnings: staying(try await unclaimed(withdrawn)))
        }
        if !isTold, !listed.isEmpty, let outcome = try await ask(withdrawn) { return outcome }
        var (outcome, gone) = (Outcome(), Set<Digest>())
        try await copy.known.referrerIndexes.exclusively(subject, in: copy.job.target) {
            (outcome, gone) = try await copy.cache.referrers.exclusively(subject, at: copy.job.target) {
                let gone = try await unclaimed(withdrawn)
                let outcome = try await rewrite(listed, without: gone)
                // Of those that withdraw it together the last one has to see that it is the last.
                try await copy.cache.given.forget(withdrawn, in: gift)
                return (outcome, gone)
            }
        }
        // Where this run has given nothing it is not known yet whether the target lists by itself what it was given before.
        guard listed.isEmpty, !outcome.hasWritten,
            case .known(let entries?) = try await copy.target.referrers(of: subject)
        else { return outcome }
        outcome.warnings += staying(gone.intersection(entries.map(\.descriptor.digest)))
        return outcome
    }

    /// Asks the target whether it lists by itself what it has.
    ///
    /// - Returns: `nil` where the list under the tag is what counts.
    private func ask(_ withdrawn: Set<Digest>) async throws -> Outcome? {
        guard copy.known.referrerIndexes.areKept(by: copy.job.target) == nil else { return nil }
        switch try await copy.target.referrers(of: subject) {
        case .known(let entries?):
            copy.known.referrerIndexes.note(.registry, of: copy.job.target)
            try await forget()
            let gone = try await unclaimed(withdrawn)
            return Outcome(warnings: staying(gone.intersection(entries.map(\.descriptor.digest))))
        case .known(nil):
            copy.known.referrerIndexes.note(.tags, of: copy.job.target)
            return nil
        case .unknown:
            return try await last() != nil ? nil : Outcome()
        }
    }

    private var gift: GivenReferrers.Gift { copy.job.gift(of: subject) }

    /// What no other source goes on to give.
    private func unclaimed(_ withdrawn: Set<Digest>) async throws -> Set<Digest> {
        withdrawn.isEmpty ? [] : withdrawn.subtracting(try await copy.cache.given.others(than: gift))
    }

    private var place: Names.Place {
        get throws { Names.Place(location: copy.job.target, tag: try subject.referrersTag) }
    }

    /// The list that the target was given last under the tag, as far as it is noted: some give an image that tag.
    private func last() async throws -> Digest? {
        let last = try await copy.cache.copies.last(to: try place)
        return last == subject ? nil : last
    }

    private func forget() async throws {
        guard !copy.cache.isReadOnly, try await last() != nil else { return }
        try await copy.cache.copies.forget(to: try place)
    }

    /// Whether the target has lost the tag under which it was given the list: it does not list it, and says so when it is
    /// asked for it.
    ///
    /// - Throws: `CacheError`; `CancellationError`.
    func isLost() async throws -> Bool {
        guard try await last() != nil else { return false }
        return try await copy.lacksAtTarget(try subject.referrersTag)
    }

    private func staying(_ gone: Set<Digest>) -> [String] {
        gone.sorted { $0.description < $1.description }.map {
            "upstream does not list \($0) any more, which refers to \(subject); nothing is ever deleted at "
                + "\(copy.job.target), which goes on listing it"
        }
    }

    /// Reads the index again just before it is written, as others add to it too.
    private func rewrite(_ listed: [Manifest], without gone: Set<Digest>) async throws -> Outcome {
        guard !listed.isEmpty || !gone.isEmpty else { return Outcome() }
        let tag = try subject.referrersTag
        var outcome = Outcome()
        let present = try await present(under: tag, &outcome)
        do {
            try await store(listed, without: gone, in: present, as: tag, &outcome)
        } catch let error as any TargetRefusal where error.isMissingContent {
            // Lists outlive what they name, and some registries look whether it is there.
            let lost = try await lost(of: present, besides: gone.union(listed.map(\.descriptor.digest)))
            guard !lost.isEmpty else { throw error }
            try await store(listed, without: gone.union(lost), in: present, as: tag, &outcome)
            outcome.warnings.append(
                "\(copy.target.location) no longer has \(lost.count) of those that it lists under \(tag)"
            )
        }
        return outcome
    }

    /// The list that the target has; `nil` also where it shows the subject itself, or refuses to tell.
    private func present(under tag: TagName, _ outcome: inout Outcome) async throws -> Manifest? {
        let taken = CopyError(.imageInPlaceOfList(ImageReference(location: copy.job.target, tag: tag)))
        let isWritten = copy.job.isWritten(tag)
        let last = try await copy.cache.copies.last(to: try place)
        let isImage = isWritten || last == subject
        switch try await copy.target.asking({ try await $0.manifest(.tag(tag)) }) {
        case .known(let there?) where there.descriptor.digest == subject:
            // Some registries take the tag's name for the digest, and show the subject whatever is there.
            var isList = !isImage && last != nil
            if !isImage, !isList { isList = try await isUnlisted(tag) }
            guard isList else { throw taken }
            return nil
        case .known(nil) where isWritten: throw taken
        case .known(let there): return there
        case .unknown(let error):
            // Some refuse to tell what is not there; an outage must not make a list forget what others put there.
            var isRefusal = (error as? any TargetRefusal)?.isDenial == true
            if !isRefusal { isRefusal = try await isUnlisted(tag) }
            guard isRefusal, !isImage else { throw error }
            outcome.warnings = [
                "what \(copy.job.target) lists under \(tag) cannot be read; it is written anew (\(error))"
            ]
            return nil
        }
    }

    /// Whether the target lists its tags, and not this one.
    private func isUnlisted(_ tag: TagName) async throws -> Bool {
        guard case .known(let tags?) = try await copy.target.asking({ try await $0.tags() }) else { return false }
        return !tags.contains(tag)
    }

    private func store(
        _ listed: [Manifest],
        without gone: Set<Digest>,
        in present: Manifest?,
        as tag: TagName,
        _ outcome: inout Outcome
    ) async throws {
        guard let index = try ReferrerIndex.changing(present, adding: listed, removing: gone) else { return }
        let given = try await copy.target.give(index, as: tag, after: try await last())
        outcome.hasWritten = given.isNew
        // Nothing was written anew then.
        if !given.isNew { outcome.warnings = given.warnings }
        guard !copy.cache.isReadOnly else { return }
        try await copy.cache.copies.note(of: index.descriptor.digest, to: try place, from: nil, of: copy.job.source)
    }

    /// What the target lists and does not have.
    private func lost(of present: Manifest?, besides known: Set<Digest>) async throws -> Set<Digest> {
        var lost: Set<Digest> = []
        for digest in present?.references.map(\.digest) ?? [] where !known.contains(digest) {
            if case .known(false) = try await copy.target.asking({ try await $0.holds(.digest(digest)) }) {
                lost.insert(digest)
            }
        }
        return lost
    }
}
