/// Why a text is not a duration or a size.
package struct QuantityError: Error, Hashable, Sendable, CustomStringConvertible {
    package let text: String
    /// What would be right, as the end of "must be …".
    package let expectation: String
    /// It is written as it should be, and is more than can be said.
    package let isTooLarge: Bool

    package init(text: String, expectation: String, isTooLarge: Bool = false) {
        self.text = text
        self.expectation = expectation
        self.isTooLarge = isTooLarge
    }

    package var description: String { "must be \(expectation), not '\(text.displaySafe)'" }
}

/// What is wrong with a number and its unit, before it is known what they should be.
enum QuantityFault: Error {
    case malformed
    /// It is written as it should be, and does not fit.
    case tooLarge
}
