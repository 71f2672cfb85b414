package import Cache
package import OCI

/// What became of the blobs that a verification found bad or missing.
package struct RepairReport: Sendable {
    /// One blob's end.
    package enum Outcome: Hashable, Sendable {
        /// It was fetched again, from there, verified and committed.
        case repaired(from: String)
        /// Nobody could give it, or its bad file is still in its place; one line that says who was asked and why not.
        case unrepaired(reason: String)
        /// Nobody could give it, and no tag needs it.
        case unneeded
    }

    /// One bad blob.
    package struct Row: Sendable {
        package let digest: Digest
        package let fault: VerificationReport.Fault
        /// The tags whose images need it, sorted by repository and tag.
        package let affected: [ImageReference]
        package let outcome: Outcome
    }

    /// Sorted by digest; those that came to light only when a manifest was there again are among them.
    package internal(set) var rows: [Row] = []

    /// Why it is not known what else is missing; `nil` where it is.
    package internal(set) var failure: CacheError?

    package init() {}

    /// Whether some tag's image still lacks something, or a bad file is still in its place.
    package var isIncomplete: Bool {
        rows.contains { row in if case .unrepaired = row.outcome { true } else { false } }
    }
}
