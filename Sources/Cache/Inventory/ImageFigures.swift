package import OCI

/// The images that names stand for, which come page after page: those of one image stand in many pages, and what it comes to is
/// found out once.
package struct ImageFigures: Sendable {
    /// So many images are kept, which take some megabytes.
    private static let limit = 4096

    private let inventory: Inventory
    private var known: [Digest: CachedImage] = [:]

    package init(_ inventory: Inventory) { self.inventory = inventory }

    /// The images of one page, without their names; one that went meanwhile is left out.
    ///
    /// - Throws: ``CacheError``.
    package mutating func images(of names: some Sequence<CachedName>) async throws -> [Digest: CachedImage] {
        if known.count > Self.limit { known = [:] }
        let new = names.filter { known[$0.digest] == nil }
        if !new.isEmpty { known.merge(try await inventory.images(of: new)) { $1 } }
        return known
    }
}
