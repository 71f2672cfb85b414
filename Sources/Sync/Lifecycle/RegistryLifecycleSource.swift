package import Lifecycle
import NIOCore
package import OCI
package import Registry

/// Asks endoflife.date, or what stands in for it, through the client of registries: same proxies, same retries.
package struct RegistryLifecycleSource: LifecycleSource {
    /// The service unless `eol_url` names another.
    package static let publicSite = "https://endoflife.date"

    private let client: RegistryClient
    private let base: String

    /// - Parameters:
    ///   - client: asks, by its rules for retries and timeouts.
    ///   - base: the service's base URL; `nil` means ``publicSite``.
    package init(client: RegistryClient, base: BaseURL?) {
        self.client = client
        self.base = base?.description ?? Self.publicSite
    }

    package func rows(for product: ProductName, entityTag: String?) async throws -> LifecycleAnswer {
        switch try await client.fetchJSON(base + product.path, entityTag: entityTag) {
        case .document(let bytes, let entityTag): .cycles(Array(bytes.readableBytesView), entityTag: entityTag)
        case .notModified: .notModified
        case .missing: .unknownProduct
        }
    }
}
