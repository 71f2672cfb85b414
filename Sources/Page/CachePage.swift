import OCI

/// The page for people about a cache: one document of HTML, made on the server, that needs no script and nothing else.
package struct CachePage: Sendable {
    /// Repositories on a page of the list, and images on one of a repository's.
    static let pageSize = 100
    /// Images of a repository that the list shows.
    static let imagesListed = 5
    /// Tags of an image that the list shows.
    static let tagsListed = 8
    /// Tags in one row of a repository's page; an image with more has several rows.
    static let tagsInRow = 50
    static let downloadsListed = 50

    let source: PageSource
    let snapshots: Snapshots<PageSnapshot>
    private let template: PageTemplate
    /// Where it is served, when the visitor's browser does not say what it used.
    private let address: String
    private let isTLS: Bool
    /// In seconds since 1970.
    let startedAt: Int64

    /// - Parameters:
    ///   - source: what it tells.
    ///   - address: the host and port where it is served.
    ///   - isTLS: whether that is with TLS.
    /// - Throws: never, as long as the template has no mistake.
    package init(_ source: PageSource, address: String, isTLS: Bool) throws {
        self.source = source
        snapshots = Snapshots(clock: source.clock) { try await PageSnapshot(source) }
        template = try PageTemplate()
        self.address = address
        self.isTLS = isTLS
        startedAt = source.now()
    }

    /// Takes the snapshots that answers need, until the task is cancelled.
    package func run() async { await snapshots.run() }

    /// The value of `Content-Security-Policy` for its documents.
    package var policy: String { PageStyle.policy }

    /// The document that a visitor asks for.
    ///
    /// - Parameters:
    ///   - query: the request's parameters, decoded.
    ///   - host: the `Host` of the request.
    /// - Returns: its HTML, and whether what was asked for is not there.
    /// - Throws: `CacheError` when the cache cannot be read; `CancellationError`.
    package func document(
        for query: [(name: String, value: String)],
        from host: String?
    ) async throws -> (html: String, isMissing: Bool) {
        let snapshot = try await snapshots.current()
        let address = PullAddress(host: host, otherwise: address, isTLS: isTLS)
        let view = try await view(of: snapshot, PageQuery(query), address)
        return (template.render(view), view.missing != nil)
    }

    private func view(
        of snapshot: PageSnapshot,
        _ query: PageQuery,
        _ address: PullAddress
    ) async throws -> PageView {
        let now = source.now()
        let counted = PageView.Moment(PageTime(snapshot.takenAt, now: now))
        var view = PageView(title: "imglife", heading: "Image cache", counted: counted)
        view.query = query.search.displaySafe
        let builder = PageBuilder(snapshot: snapshot, query: query, address: address, now: now)
        if let name = query.repository {
            try await builder.show(repository: name, in: &view)
        } else if query.search.isEmpty {
            view.overview = overview(of: snapshot, now: now)
            view.sentence = sentence(snapshot.usage)
            view.isEmpty = snapshot.repositories.isEmpty
            if !view.isEmpty { try await builder.showList(in: &view) }
        } else {
            try await builder.showList(in: &view)
        }
        return view
    }
}
