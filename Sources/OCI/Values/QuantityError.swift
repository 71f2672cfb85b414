/// Why a text is not a duration or a size.
package struct QuantityError: Error, Hashable, Sendable, CustomStringConvertible {
    package let text: String
    /// What would be right, as the end of "must be …".
    package let expectation: String

    package init(text: String, expectation: String) {
        self.text = text
        self.expectation = expectation
    }

    package var description: String { "must be \(expectation), not '\(text.displaySafe)'" }
}
