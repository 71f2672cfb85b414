import Cache
import OCI

/// One image: all that its documents say, where it came from, and the lines that pull it.
struct ImageBuilder {
    private static let mostPeriods = 10

    let facts: ImageFacts
    let repository: PageSnapshot.Repository
    /// As the snapshot knows it; `nil` for a part of another image.
    let image: PageSnapshot.Image?
    let tag: TagName?
    /// What the tag stood for, the latest first.
    let history: [TagPeriod]
    let context: PageRowContext

    func show(in view: inout PageView) {
        let digest = facts.descriptor.digest
        view.heading = "\(repository.name)\(tag.map { ":\($0)" } ?? "")"
        view.title = "\(view.heading) · imglife"
        view.image = PageView.Image(
            repositoryName: repository.name,
            repositoryLink: repositoryLink,
            imageDigest: digest.description,
            facts: figures,
            isIncomplete: !facts.isWhole,
            pulls: pulls,
            hasPlatforms: facts.isIndex,
            variants: facts.variants.map(variant),
            furtherVariants: Self.rest(facts.further),
            notes: facts.annotations.map {
                PageView.Pair(label: $0.name.displaySafe(limit: 200), value: $0.value.displaySafe(limit: 500))
            },
            hasNotes: !facts.annotations.isEmpty,
            referrers: facts.referrers.map(referrer),
            furtherReferrers: Self.rest(facts.furtherReferrers),
            noReferrers: facts.referrers.isEmpty && facts.furtherReferrers == 0,
            periods: history.prefix(Self.mostPeriods).map(period),
            hasPeriods: tag != nil && !history.isEmpty
        )
    }

    private static func rest(_ count: Int) -> String? {
        count > 0 ? "and \(CachePage.grouped(Int64(count))) more" : nil
    }

    private var repositoryLink: String {
        var query = PageQuery()
        query.repository = repository.name
        return query.link
    }

    private var pulls: [PageView.Pull] {
        (tag.map { context.address.pulls(of: "\(repository.name):\($0)") } ?? [])
            + context.address.pulls(of: "\(repository.name)@\(facts.descriptor.digest)")
    }

    private var figures: [PageView.Pair] {
        var pairs = [PageView.Pair(label: "Media type", value: facts.descriptor.mediaType.description)]
        let add = { (label: String, value: String?) in
            if let value { pairs.append(PageView.Pair(label: label, value: value)) }
        }
        add("Artifact type", facts.artifactType?.displaySafe(limit: 200))
        add("In the cache", image.map { "\(ByteCount($0.bytes))" })
        add("Freed if it goes", image.flatMap { context.bytesAlone[$0.digest] }.map { "\(ByteCount($0))" })
        add("Built", facts.variants.lazy.compactMap(\.created).first.flatMap(PageTime.day))
        add("Last used", image.map { PageTime($0.lastUse, now: context.now) }.map { "\($0.exact) (\($0.age))" })
        add("Came from", facts.origins.isEmpty ? nil : facts.origins.map(\.description).joined(separator: ", "))
        add("Here since", history.first.map { PageTime($0.since, now: context.now) }.map { "\($0.exact) (\($0.age))" })
        if let image, image.tags.count > 1 {
            add("Tags", image.tags.prefix(50).map(\.description).joined(separator: ", "))
        }
        let end = (tag.map { [$0] } ?? image?.tags ?? []).lazy
            .compactMap { context.support(repository.reference, $0) }.first
        add("End of life", end.map { PageView.End($0).words })
        return pairs
    }

    private func variant(_ variant: ImageFacts.Variant) -> PageView.Variant {
        let digest = variant.descriptor.digest.description
        return PageView.Variant(
            platform: variant.platform.map { "\($0)".displaySafe(limit: 64) } ?? "no platform",
            variantDigest: digest,
            variantLink: facts.isIndex ? PageQuery.link(to: digest, of: repository.name) : nil,
            variantBytes: "\(ByteCount(variant.bytes))",
            variantIncomplete: !variant.isWhole,
            layerCount: CachePage.counted(variant.layers.count + variant.furtherLayers, "layer", "layers"),
            layers: variant.layers.map { layer in
                PageView.Layer(
                    layerDigest: layer.descriptor.digest.description,
                    layerBytes: "\(ByteCount(layer.descriptor.size))",
                    layerType: layer.descriptor.mediaType.description,
                    isMissing: !layer.isHere
                )
            },
            furtherLayers: Self.rest(variant.furtherLayers),
            labels: variant.labels.map { label in
                PageView.Pair(label: label.name.displaySafe(limit: 200), value: label.value.displaySafe(limit: 500))
            },
            hasLabels: !variant.labels.isEmpty
        )
    }

    private func referrer(_ entry: ReferrerEntry) -> PageView.Referrer {
        let digest = entry.descriptor.digest.description
        return PageView.Referrer(
            kind: (entry.artifactType ?? "unknown").displaySafe(limit: 200),
            referrerDigest: digest,
            referrerLink: PageQuery.link(to: digest, of: repository.name),
            referrerBytes: "\(ByteCount(entry.descriptor.size))"
        )
    }

    private func period(_ period: TagPeriod) -> PageView.Period {
        PageView.Period(
            periodDigest: period.digest.description,
            since: PageView.Moment(PageTime(period.since, now: context.now)),
            ended: period.until.map { PageTime($0, now: context.now).exact }
        )
    }
}
