import OCI
import TestSupport
import YAML

@testable import Sync

/// A plan with something of everything: a hundred tags of five entries.
enum SamplePlan {
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    /// With another key of `sync`.
    static func configuration(_ more: String = "") throws -> Configuration {
        try Configuration(
            yaml: """
                sync:
                  \(more)
                  entries:
                    - {source: alpine, target: registry.example.com/mirrors/alpine, tag_regex: '^3'}
                    - {source: nginx, target: registry.example.com/mirrors/nginx, tag_regex: 'alpine', os_normalize: true}
                    - {source: quay.io/team/tool, target: registry.example.com/mirrors/tool, tag_regex: '^2'}
                    - {source: quay.io/team/gone, target: registry.example.com/mirrors/gone, tag_regex: '.'}
                    - {source: ghcr.io/team/app, target: registry.example.com/mirrors/app, tag: '1', referrers: true}
                """,
            file: "imglife.yaml"
        )
    }

    static func plan() throws -> SyncPlan {
        SyncPlan(outcomes: [
            .planned(try alpine()), .planned(try nginx()), .planned(try tool()),
            .failed(
                entry: 3,
                Refusal(
                    description:
                        "quay.io has no repository 'team/gone', or does not show it to this user: check 'source' and the credentials"
                )
            ),
            .planned(EntryPlan(entry: 4, tags: [try tag("1", .copyReferrers)])),
        ])
    }

    private static func alpine() throws -> EntryPlan {
        var plan = EntryPlan(
            entry: 0,
            tags: try ["3.21.3", "3.20.6"].map {
                try tag($0, .copy(repositoryIsEmpty: false, because: .absent), 3_600_000)
            }
                + [try tag("3.19.7", .copy(repositoryIsEmpty: false, because: .differs), 3_400_000)]
        )
        plan.tags += try (0..<30).map { try tag("3.18.\($0)", .upToDate(nil)) }
        return plan
    }

    private static func nginx() throws -> EntryPlan {
        var tag = EntryPlan.Tag(ListedTag(name: "alpine3.21"), as: "1.27-alpine3.21")
        tag.decision = .copy(repositoryIsEmpty: false, because: .absent)
        tag.cost = CopyCost(.listing, manifests: 2)
        tag.cost?.download = 18_000_000
        tag.cost?.push = 18_000_000
        var plan = EntryPlan(entry: 1, tags: [tag, try Self.tag("alpine", .compare(present: nil))])
        plan.tags.append(
            try Self.tag("1.26-alpine", .refused(Refusal(description: "the image has no platform linux/s390x")))
        )
        plan.warnings = ["os_normalize finds no version for the tag 'alpine'; its name stays"]
        return plan
    }

    private static func tool() throws -> EntryPlan {
        var tags = try (0..<60).map { try tag("2.\($0)", .copy(repositoryIsEmpty: true, because: .absent)) }
        for index in tags.indices { tags[index].cost = CopyCost(.unknown, manifests: 1) }
        tags[0].cost = CopyCost(.manifests, manifests: 1)
        tags[0].cost?.mount = 5_000_000
        return EntryPlan(entry: 2, tags: tags + [try tag("2.99", .upToDate(nil))])
    }

    private static func tag(
        _ name: String,
        _ decision: EntryPlan.Decision,
        _ bytes: Int64? = nil
    ) throws -> EntryPlan.Tag {
        var tag = EntryPlan.Tag(ListedTag(name: try TagName(name)), as: try TagName(name), decision: decision)
        guard let bytes else { return tag }
        tag.cost = CopyCost(.manifests, manifests: 2)
        tag.cost?.download = bytes
        tag.cost?.push = bytes
        return tag
    }
}
