/// Opening, closing, backing up and restoring the index, and tidying what processes left behind that died.
package struct Recovery: Sendable {
    let store: Store
}
