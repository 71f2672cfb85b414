import Cache
import NIOCore
import OCI

/// The page for people at `/`: one document of HTML, made on the server, that needs no script and nothing else.
struct Page: Sendable {
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
    let metrics: ServeMetrics
    private let template: PageTemplate
    private let listen: ListenAddress
    private let isTLS: Bool
    /// In seconds since 1970.
    let startedAt: Int64

    init(_ source: PageSource, _ metrics: ServeMetrics, _ configuration: ServerConfiguration) throws {
        self.source = source
        self.metrics = metrics
        snapshots = Snapshots(clock: source.clock) { try await PageSnapshot(source) }
        template = try PageTemplate()
        listen = configuration.listen
        isTLS = configuration.tls != nil
        startedAt = source.now()
    }

    /// Takes the snapshots that answers need, until the task is cancelled.
    func run() async { await snapshots.run() }

    /// - Throws: `CacheError` when the cache cannot be read; `CancellationError`.
    func answer(to request: RequestHead, _ target: RequestTarget) async throws -> Response {
        let snapshot = try await snapshots.current()
        let address = PullAddress(host: request.fields.host, listen: listen, isTLS: isTLS)
        let view = try await view(of: snapshot, PageQuery(target), address)
        let html = template.render(view)
        return Response(view.missing == nil ? 200 : 404, Self.fields, body: .bytes(ByteBuffer(string: html)))
    }

    private static let fields: [(name: StaticString, value: String)] = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", PageStyle.policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-cache"),
    ]

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
