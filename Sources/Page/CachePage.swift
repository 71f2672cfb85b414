import OCI

/// The page for people about a cache: one document of HTML, made on the server, that needs no script and nothing else.
package struct CachePage: Sendable {
    /// Repositories on a page of the list, and images on one of a repository's.
    static let pageSize = 100

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

    private func view(of snapshot: PageSnapshot, _ query: PageQuery, _ address: PullAddress) async throws -> PageView {
        let now = source.now()
        let counted = PageView.Moment(PageTime(snapshot.takenAt, now: now))
        var view = PageView(title: "imglife", heading: "Image cache", counted: counted)
        view.query = query.search.displaySafe
        guard let name = query.repository else {
            let runs = source.runs()
            let builder = ListBuilder(snapshot: snapshot, query: query, runs: runs, now: now)
            view.isEmpty = snapshot.repositories.isEmpty
            if !view.isEmpty || !query.search.isEmpty { try await builder.show(in: &view) }
            if query.search.isEmpty { view.overview = overview(of: snapshot, runs, now: now) }
            view.reload = view.overview?.isBusy == true ? "5" : nil
            return view
        }
        guard let repository = snapshot.repositories.first(where: { $0.isNamed(name) }) else {
            return view.missing("There is no repository \(name.displaySafe) in the cache.")
        }
        guard let image = query.image else {
            let builder = RepositoryBuilder(snapshot: snapshot, query: query, address: address, now: now)
            try await builder.show(repository, in: &view)
            return view
        }
        return try await show(image, of: repository, snapshot, address, in: view)
    }

    private func show(
        _ name: String,
        of repository: PageSnapshot.Repository,
        _ snapshot: PageSnapshot,
        _ address: PullAddress,
        in view: PageView
    ) async throws -> PageView {
        let image = repository.image(named: name)
        // A part of an image has a page of its own; what belongs to no image here has none.
        guard let digest = image?.digest ?? (try? Digest(name)),
            let facts = try await source.facts(digest, repository.reference)
        else { return view.missing("There is no image \(name.displaySafe) of \(repository.name) in the cache.") }
        let tag = try? TagName(name)
        let context = PageRowContext(
            address: address,
            details: [:],
            bytesAlone: try await source.bytesAlone(image.map { [$0.digest] } ?? []),
            incomplete: [],
            support: snapshot.support,
            now: source.now()
        )
        let builder = ImageBuilder(
            facts: facts,
            repository: repository,
            image: image,
            tag: tag,
            history: try await source.history(tag ?? image?.tags.first, repository.reference),
            context: context
        )
        var view = view
        builder.show(in: &view)
        return view
    }

    /// With a thin space between thousands: `100 000`.
    static func grouped(_ number: Int64) -> String {
        var digits = String(number)
        var position = digits.count - 3
        while position > 0 {
            digits.insert("\u{202F}", at: digits.index(digits.startIndex, offsetBy: position))
            position -= 3
        }
        return digits
    }

    static func counted(_ number: Int, _ one: String, _ many: String) -> String {
        "\(grouped(Int64(number))) \(number == 1 ? one : many)"
    }
}
