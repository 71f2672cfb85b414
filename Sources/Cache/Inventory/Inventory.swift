/// What the cache holds, for people and other programs to read.
package struct Inventory: Sendable {
    let store: Store
}
