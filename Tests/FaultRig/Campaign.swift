/// The campaigns of faults, each by a scale that makes it short or long.
package enum Campaign {}

/// Something about the rig itself that did not work.
struct RigError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
