import Concurrency
import Logging
import NIOCore
import OCI

/// The windows of one blob: opened as the plan says where the host has places that nobody waits for, and read in order.
struct BlobWindows {
    typealias Scope = ThrowingDiscardingTaskGroup<any Error>

    /// What is read of a window at a time, in bytes.
    private static let pieceSize: Int64 = 256 << 10

    private let scratch: any ScratchSpace
    private let client: HostClient
    private let request: HTTPRequest
    private let size: Int64
    private let address: BlobAddress
    private let tally = WindowTally()
    private let bell = Bell()
    /// Once the first answer is there.
    private var plan: WindowPlan?
    /// Of the answer that brings the front; a window of another blob is none.
    private var entityTag: String?
    /// Whether the answer that brings the front began before it, so that what breaks off costs it all again.
    private var isAgain = false
    /// How long the receiver has kept the front waiting.
    private var held = Duration.zero
    /// The window that is being delivered, and since when.
    private var current: (window: BlobWindow, since: Duration)?
    /// Ahead of the front, in order, and whether the plan knows how each has ended.
    private var open: [(window: BlobWindow, isSettled: Bool)] = []

    private var now: Duration { client.transport.timer.now() }

    init(_ scratch: any ScratchSpace, of size: Int64, _ client: HostClient, _ request: HTTPRequest) {
        self.scratch = scratch
        self.size = size
        self.client = client
        self.request = request
        address = BlobAddress(client.transport.timer)
    }

    /// Where the front's own connection has done its part; `nil` while it brings all the rest.
    var start: Int64? { open.first?.window.range.lowerBound }

    /// Where a request of the front's own ends; `nil` for one without an end, as hosts that refuse windows know it.
    var bound: Int64? { plan?.ending == nil ? start : nil }

    /// An answer begins to bring the front, from there or `again` from the blob's beginning.
    mutating func begin(with response: HTTPResponse, entityTag: String?, again: Bool) {
        address.note(response)
        self.entityTag = entityTag
        isAgain = again
        if plan == nil { plan = WindowPlan(size: size, at: now) }
        if isAgain, !isGapless { abandonAll() }
    }

    /// The front's own connection has brought bytes.
    func received(_ count: Int) { tally.add(count) }

    /// The receiver has taken bytes, and was busy with them since then.
    mutating func delivered(to front: Int64, since start: Duration, in scope: inout Scope) {
        let (now, received) = (now, tally.received)
        held += now - start
        plan?.note(received: received, held: held, at: now)
        step(front, in: &scope)
    }

    /// The window that the front is in, if it brings what comes next.
    mutating func reached(by front: Int64) -> BlobWindow? {
        while let window = open.first?.window, window.range.lowerBound <= front {
            guard window.range.lowerBound < front, window.progress.position <= front else { return window }
            overtake(window)
        }
        return nil
    }

    /// Where, in bytes that the front's own connection has brought, the windows take over from it; waits for a window's first.
    ///
    /// Until they bring more than that connection alone it is kept, as it brings the same bytes; what is there already is taken.
    mutating func takeOver(in piece: Range<Int64>) async throws -> Int64? {
        if isHeldBehind || isAgain && !isGapless { abandonAll() }
        while let window = open.first?.window, window.range.lowerBound <= piece.upperBound {
            let (progress, place) = (window.progress, max(piece.lowerBound, window.range.lowerBound))
            if progress.position > place { return isBetter(progress) ? place : nil }
            if place == window.range.lowerBound, progress.end == nil {
                // Some hosts let every other request wait until the front's own connection is done: so it ends by itself.
                try await bell.wait()
                settle()
            } else {
                overtake(window)
            }
        }
        return nil
    }

    private func isBetter(_ next: BlobWindow.Progress) -> Bool {
        guard !isAgain else { return isGapless && open.allSatisfy { $0.window.progress.end == .whole } }
        let brought = open.reduce(0) { $0 + $1.window.progress.position - $1.window.range.lowerBound }
        return next.end == .whole || plan?.isGain(brought, by: open.count, at: now) ?? true
    }

    /// The front's own connection has brought more of a window than the window itself.
    private mutating func overtake(_ window: BlobWindow) {
        window.end(.silent)
        leave(window)
    }

    /// Whether the windows that are there bring all the rest behind the first one's beginning.
    private var isGapless: Bool {
        let windows = open.map(\.window)
        return windows.last?.range.upperBound == size
            && windows.allSatisfy { $0.progress.end == nil || $0.progress.end == .whole }
            && zip(windows, windows.dropFirst()).allSatisfy { $0.range.upperBound == $1.range.lowerBound }
    }

    /// Whether what comes between or behind the windows would have to wait, as the host wants no more requests for a time, and the
    /// front's own connection is sooner there.
    private var isHeldBehind: Bool {
        guard plan?.ending != nil, !isGapless else { return false }
        let ahead = open.reduce(0) { $0 + Int64($1.window.range.count) }
        guard let pause = client.transport.pauses.left(at: request.context.location.host) else { return false }
        return plan?.time(for: ahead).map { $0 < pause } ?? true
    }

    private mutating func abandonAll() {
        for (window, _) in open { window.abandon() }
        settle()
        open.removeAll()
    }

    /// What comes next of a window, waiting for it.
    ///
    /// - Returns: `nil` at its end, or where no more of it is coming.
    mutating func next(of window: BlobWindow, at front: Int64, in scope: inout Scope) async throws -> ByteBuffer? {
        if current?.window !== window { current = (window, now) }
        while front < window.range.upperBound {
            let progress = window.progress
            if progress.position > front {
                let bytes = window.bytes(at: front, atMost: Int(min(progress.position - front, Self.pieceSize)))
                if bytes == nil { end(.broken) }
                return bytes
            }
            guard progress.end == nil else { return nil }
            try await waitForMore(of: window, at: front)
            step(front, in: &scope)
        }
        return nil
    }

    /// Waits for news of a window that is being delivered, and ends it where it brings so little, or has for so long brought
    /// nothing, that the front had better go on by itself: one that brings nothing any more has no news.
    private func waitForMore(of window: BlobWindow, at front: Int64) async throws {
        let stall = window.progress.moved + WindowPlan.patience
        let crawl = plan?.patience(with: front - window.range.lowerBound).map { (current?.since ?? now) + $0 }
        let end = crawl.map { min($0, stall) } ?? stall
        do {
            try await client.transport.timer.limit(end - now) { [bell] in try await bell.wait() }
        } catch is Timer.Expired {
            window.breakOff()
        }
    }

    /// The front goes on behind a window, or where it breaks off.
    mutating func leave(_ window: BlobWindow) {
        window.abandon()
        settle()
        open.removeAll { $0.window === window }
    }

    /// Opens what is worth opening now.
    private mutating func step(_ front: Int64, in scope: inout Scope) {
        settle()
        while !isAgain, !client.oneConnection.isEnough, let range = plan?.next(front: front, count: open.count),
            let place = client.takePlace(request.lane)
        {
            guard let file = scratch.file(size: Int64(range.count)) else {
                place.leave()
                return end(.noRoom)
            }
            let window = BlobWindow(range, file, bell, client.transport.timer)
            fetch(window, place, in: &scope)
            let (now, received) = (now, tally.received)
            open.append((window, false))
            plan?.began(range, received: received, at: now)
        }
    }

    private func fetch(_ window: BlobWindow, _ place: HeldPlace, in scope: inout Scope) {
        let request = WindowRequest(
            client: client,
            request: request,
            entityTag: entityTag,
            address: address,
            size: size,
            tally: tally
        )
        client.retry.logger.debug(
            "a part of a blob is asked for over a connection of its own",
            metadata: ["place": "\(request.request.context.location)", "range": "\(window.range)", "size": "\(size)"]
        )
        scope.addTask { [bell] in
            await request.run(window)
            place.leave()
            // The place may be what the next one has waited for.
            bell.ring()
        }
    }

    /// Tells the plan how windows have ended; of those that brought nothing the front knows nothing more.
    private mutating func settle() {
        let (now, received) = (now, tally.received)
        for index in open.indices where !open[index].isSettled {
            guard let end = open[index].window.progress.end else { continue }
            open[index].isSettled = true
            let isKnown = plan?.ending != nil
            plan?.ended(end, received: received, at: now)
            if !isKnown, let ending = plan?.ending { self.end(ending) }
        }
        open.removeAll { $0.isSettled && $0.window.isEmpty }
    }

    private mutating func end(_ ending: WindowPlan.Ending) {
        plan?.finish(ending)
        guard plan?.ending == ending else { return }
        if ending.isOfHost { client.oneConnection.remember() }
        client.retry.logger.debug(
            "a blob goes on over one connection",
            metadata: ["place": "\(request.context.location)", "size": "\(size)", "reason": "\(ending.rawValue)"]
        )
    }
}
