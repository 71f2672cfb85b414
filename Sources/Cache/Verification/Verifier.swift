/// Hashes what the cache holds again, and knows where what is bad or missing can be had.
package struct Verifier: Sendable {
    let store: Store
}
