/// Removes what nothing needs, and what makes room.
package struct Collector: Sendable {
    let store: Store
}
