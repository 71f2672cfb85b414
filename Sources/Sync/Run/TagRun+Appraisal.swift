import OCI

extension TagRun {
    /// What would be done with the tag, and what its image is made of where it would be copied: with manifests read a
    /// run would end as this says, whether a tag is gone, a source down, or no platform there.
    ///
    /// - Throws: `CancellationError` only.
    func appraised(readingManifests reads: Bool) async throws -> (tag: EntryPlan.Tag, appraisal: Appraisal?) {
        var tag = work.tag
        do {
            let present: Digest?
            (tag.decision, present) = try await compared(readingManifests: reads, keeping: false)
            switch tag.decision {
            case .copy:
                let appraisal = try await appraise(&tag, over: present, reads: reads)
                return (tag, appraisal)
            case .upToDate(let digest) where reads:
                guard let (copy, graph) = try await newReferrers(of: digest, keeping: false, &tag.warnings) else {
                    break
                }
                var appraisal = Appraisal(there: graph)
                try await CopyError.ofPresentImage { try await addReferrers(to: &appraisal) }
                tag.warnings += warn(appraisal.warnings)
                guard try await wouldWrite(appraisal, copy, graph) else { break }
                tag.decision = .copyReferrers
                tag.image = EntryPlan.Image(graph, copying: appraisal.copied)
                return (tag, appraisal)
            default: break
            }
        } catch is CountedSource.Unread {
            tag.decision = .compare(present: nil)
        } catch let error where !error.isCancellation {
            tag.decision = .refused(error)
        }
        return (tag, nil)
    }

    /// - Returns: `nil` where the manifest says that the target has it.
    private func appraise(_ tag: inout EntryPlan.Tag, over present: Digest?, reads: Bool) async throws -> Appraisal? {
        var appraisal = try await Appraisal(
            of: tag,
            over: present,
            entry.platforms,
            from: source,
            run.cache,
            reads: reads
        )
        if let cache = run.cache { try appraisal.graph?.require(from: source, in: cache) }
        if let present, present == appraisal.graph?.top.descriptor.digest {
            tag.decision = .upToDate(present)
            return nil
        }
        if reads, entry.includesReferrers { try await addReferrers(to: &appraisal) }
        var warnings: [String] = []
        if let top = appraisal.graph?.top, let cache = run.cache {
            let copy = imageCopy(through: cache, repositoryIsEmpty: false)
            warnings = try await copy.notes.warnings(before: top, over: present)
        }
        tag.warnings = warn(warnings + appraisal.warnings)
        tag.image = appraisal.graph.map { EntryPlan.Image($0, copying: appraisal.copied) }
        return appraisal
    }

    /// Whether a run that looks for what is new would write anything.
    private func wouldWrite(_ appraisal: Appraisal, _ copy: ImageCopy, _ graph: ImageGraph) async throws -> Bool {
        if !appraisal.referrers.isEmpty { return true }
        for subject in graph.subjects {
            let list = TargetReferrerList(copy: copy, subject: subject)
            if !appraisal.hasWithdrawn, try await !list.isLost() { continue }
            if case .known(_?) = try await copy.target.referrers(of: subject) { continue }
            return true
        }
        return false
    }

    private func addReferrers(to appraisal: inout Appraisal) async throws {
        try await appraisal.addReferrers(of: job(repositoryIsEmpty: false), from: source, run.cache, run.known)
    }
}
