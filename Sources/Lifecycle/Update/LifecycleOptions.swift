package import OCI

/// The top-level `lifecycle`: where end-of-life dates come from.
package struct LifecycleOptions: Hashable, Sendable {
    /// Who is asked for end-of-life dates.
    package enum Provider: String, CaseIterable, Sendable {
        /// The API of endoflife.date, kept in the data file.
        case endoflife
        /// The data file alone.
        case local
    }

    package var provider: Provider = .endoflife
    /// As written; see ``Configuration/resolve(_:)``.
    package var dataFile = "eol-data.yaml"
    /// `nil` means the public site.
    package var baseURL: BaseURL?

    package init() {}
}
