/// Why the server cannot be started; its text is one line and says what to do.
package struct ServerError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
