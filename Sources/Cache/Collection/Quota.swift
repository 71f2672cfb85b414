/// A limit on the cache's size with room below it, so that not every run has to remove something.
struct Quota: Sendable {
    let limit: Int64

    init(_ limit: Int64) { self.limit = limit }

    /// Beyond 90 % of the limit something is removed.
    func isExceeded(by bytes: Int64) -> Bool { Double(bytes) > Double(limit) * 0.9 }

    /// Until 80 % of it are left.
    var target: Int64 { Int64(Double(limit) * 0.8) }
}
