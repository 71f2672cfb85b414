/// What the cache knows of tags, of other names, and of who refers to whom.
package struct Names: Sendable {
    let store: Store
}
