/// What the cache holds, for people and other programs to read.
///
/// Everything is read in short transactions, so that nobody who writes waits for somebody who looks.
package struct Inventory: Sendable {
    let store: Store
}
