/// What the end-of-life service answered about a product.
package enum LifecycleAnswer: Sendable {
    /// The JSON text of its cycles, and what the service calls this state of it.
    case cycles([UInt8], entityTag: String?)
    /// They are what they were when the service gave the entity tag (304).
    case notModified
    /// The service does not know the product (404).
    case unknownProduct
}

/// Something that can be asked for a product's release cycles: endoflife.date, through HTTP.
package protocol LifecycleSource: Sendable {
    /// Asks for `GET {eol_url}` + ``ProductName/path``.
    ///
    /// With the entity tag in `If-None-Match`, when a copy is at hand. At most ``ReleaseCycle/maximumJSONBytes`` should be
    /// read of an answer. What is thrown becomes a warning that the service cannot be reached.
    func rows(for product: ProductName, entityTag: String?) async throws -> LifecycleAnswer
}
