import OCI
import Sync

/// Which of the tags that a selection picks are those of signatures and other referrers: `sha256-<hex>.sig`.
///
/// Other tools copy them like any tag. Here no expression selects them: `referrers` brings them with their images.
enum SignatureTags {
    case none
    case some
    /// The selection asks for nothing else.
    case all

    init(of selection: MirrorEntry.Selection) {
        guard case .pattern(let text, let exclusion) = selection,
            let pattern = try? TagPattern(text, excluding: exclusion.map { text in try TagPattern(text) })
        else {
            // A tag by its name is copied whatever it is.
            self = .none
            return
        }
        let found = Self.samples.filter(pattern.matches)
        // What is found within a tag may be found in others as well.
        let isAtBeginning = !Self.others.contains(where: pattern.matches)
        if !found.isEmpty, isAtBeginning, TagName.referrerPrefixes.contains(where: { pattern.begins(with: $0) }) {
            self = .all
        } else {
            // Others than sha256 are hardly ever seen.
            self = found.contains { $0.description.hasPrefix("sha256-") } ? .some : .none
        }
    }

    /// The samples with something before them.
    private static let others = samples.compactMap { try? TagName("v1-\($0)") }

    /// Tags as they may be: with each first digit, and each ending that cosign writes.
    private static let samples: [TagName] = TagName.referrerPrefixes.flatMap { prefix in
        "0123456789abcdef".flatMap { digit in
            ["", ".sig", ".att", ".sbom"].compactMap { ending in
                try? TagName(prefix + String(repeating: "\(digit)1e", count: 22).prefix(64) + ending)
            }
        }
    }
}
