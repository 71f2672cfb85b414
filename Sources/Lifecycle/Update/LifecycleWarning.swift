import OCI

/// Something about end-of-life data that a person should know; never an error of a sync.
package struct LifecycleWarning: Hashable, Sendable, CustomStringConvertible {
    ///
    /// By names that other programs can rely on.
    package enum Kind: String, CaseIterable, Sendable {
        /// Neither the service nor the data file knows the product.
        case unknownProduct = "unknown-product"
        /// The service did not answer, or was not asked again after it had failed.
        case unreachable
        /// It answered something else than release cycles.
        case unusableAnswer = "unusable-answer"
        case unreadableFile = "unreadable-file"
        case unwritableFile = "unwritable-file"
    }

    package let kind: Kind
    /// `nil` when the data file is meant.
    package let product: String?
    /// One line, safe to show.
    package let description: String

    init(_ kind: Kind, product: String? = nil, _ description: String) {
        self.kind = kind
        self.product = product
        self.description = description
    }
}

extension LifecycleWarning {
    static func unknownProduct(_ product: String, _ reason: String) -> LifecycleWarning {
        LifecycleWarning(.unknownProduct, product: product, "end of life of '\(product.displaySafe)': \(reason)")
    }

    /// Says also what is used instead, if there is something.
    static func notRefreshed(
        _ kind: Kind,
        _ product: String,
        _ reason: String,
        copy: LifecycleCatalogue.Product?
    ) -> LifecycleWarning {
        let fallback =
            switch copy {
            case nil: "there is no earlier copy"
            case let copy?: copy.fetched.map { "the copy of \($0) is used" } ?? "the data file's rows are used"
            }
        let text = "end of life of '\(product.displaySafe)' could not be refreshed: \(reason); \(fallback)"
        return LifecycleWarning(kind, product: product, text)
    }
}
