/// Runs work in the order in which it comes, so much at a time; what is held back keeps nothing else waiting.
///
/// Whatever is held back, as a host wants no requests for a time, counts for nothing while it is, and of what has not begun
/// yet the rest goes first. What comes together is held back together.
struct WorkLine<Batch: Collection & Sendable>: Sendable where Batch.Element: Sendable, Batch.Index: Sendable {
    typealias Item = Batch.Element

    private enum Event: Sendable {
        /// Each piece of work ends with an event: it must be small.
        indirect case comes(Batch)
        case isComplete
        case news
        /// Nothing more comes, as the task was cancelled.
        case isQuiet
        case ended(Int)

        /// Whether it comes from outside, and may be followed by others.
        var isArrival: Bool {
            switch self {
            case .comes, .isComplete, .news: true
            case .isQuiet, .ended: false
            }
        }
    }

    private let arrivals: AsyncStream<Event>
    private let feed: AsyncStream<Event>.Continuation
    private let news: AsyncStream<Void>
    private let limit: @Sendable (Item) -> Int
    private let isHeldBack: @Sendable (Item) -> Bool
    private let onNews: @Sendable () -> Void

    /// - Parameters:
    ///   - news: comes when something may have begun to be held back.
    ///   - limit: how much may be under way when an item begins, itself included.
    ///   - isHeldBack: whether an item could not go on now, begun or not.
    ///   - onNews: is called after each news.
    init(
        news: AsyncStream<Void>,
        limit: @escaping @Sendable (Item) -> Int,
        isHeldBack: @escaping @Sendable (Item) -> Bool,
        onNews: @escaping @Sendable () -> Void = {}
    ) {
        self.news = news
        self.limit = limit
        self.isHeldBack = isHeldBack
        self.onNews = onNews
        (arrivals, feed) = AsyncStream.makeStream()
    }

    /// Adds work at the end.
    func add(_ batch: Batch) { feed.yield(.comes(batch)) }

    /// No more is added.
    func complete() { feed.yield(.isComplete) }

    /// Runs a body for each item, until all that was added has ended; once.
    ///
    /// - Parameter body: may throw `CancellationError` alone.
    /// - Throws: `CancellationError`.
    func run(_ body: @escaping @Sendable (Item) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Event.self) { group in
            group.addTask { await watchNews() }
            group.addTask { await nextArrival() }
            var line = Line()
            while !line.isOver, let event = try await group.next() {
                line.note(event)
                if event.isArrival { group.addTask { await nextArrival() } }
                if case .news = event { onNews() }
                while let (number, item) = line.next(limit, isHeldBack) {
                    group.addTask {
                        try await body(item)
                        return .ended(number)
                    }
                }
            }
            group.cancelAll()
        }
        try Task.checkCancellation()
    }

    /// What comes next from outside.
    private func nextArrival() async -> Event {
        var arrivals = arrivals.makeAsyncIterator()
        return await arrivals.next() ?? .isQuiet
    }

    private func watchNews() async -> Event {
        for await _ in news { feed.yield(.news) }
        return .isQuiet
    }

    /// What waits, and what is under way.
    private struct Line {
        private var waiting: [(batch: Batch, next: Batch.Index)] = []
        private var underWay: [Int: Item] = [:]
        private var isComplete = false
        private var begun = 0

        var isOver: Bool { isComplete && waiting.isEmpty && underWay.isEmpty }

        mutating func note(_ event: Event) {
            switch event {
            case .comes(let batch): if !batch.isEmpty { waiting.append((batch, batch.startIndex)) }
            case .isComplete: isComplete = true
            case .ended(let number): underWay[number] = nil
            case .news, .isQuiet: break
            }
        }

        /// The item that begins now, if one may.
        mutating func next(_ limit: (Item) -> Int, _ isHeldBack: (Item) -> Bool) -> (number: Int, item: Item)? {
            guard let front = waiting.first else { return nil }
            if let index = waiting.firstIndex(where: { !isHeldBack($0.batch[$0.next]) }) {
                let (batch, next) = waiting[index]
                let active = underWay.values.count { !isHeldBack($0) }
                return active < limit(batch[next]) ? begin(index) : nil
            }
            return underWay.count < limit(front.batch[front.next]) ? begin(0) : nil
        }

        private mutating func begin(_ index: Int) -> (number: Int, item: Item) {
            let (batch, next) = waiting[index]
            let following = batch.index(after: next)
            if following == batch.endIndex { waiting.remove(at: index) } else { waiting[index].next = following }
            begun += 1
            underWay[begun] = batch[next]
            return (begun, batch[next])
        }
    }
}
