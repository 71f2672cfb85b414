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
        if TagName.referrerPrefixes.contains(where: { pattern.begins(with: $0) }) {
            self = .all
        } else {
            self = Self.samples.contains(where: pattern.matches) ? .some : .none
        }
    }

    /// Tags as they may be: with letters first and digits first, and each ending that cosign writes.
    private static let samples: [TagName] = ["0a", "a0", "5e"].flatMap { pair in
        ["", ".sig", ".att", ".sbom"].compactMap { ending in
            try? TagName("sha256-" + String(repeating: pair, count: 32) + ending)
        }
    }
}
