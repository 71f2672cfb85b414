/// A request, and where its path leads.
struct Request: Sendable {
    let head: RequestHead
    /// `nil` when its target cannot be decoded.
    let target: RequestTarget?
    /// `nil` when its path leads nowhere.
    let route: Route?

    init(_ head: RequestHead) {
        self.head = head
        target = RequestTarget(head.target)
        route = target.flatMap { Route($0.components) }
    }
}
