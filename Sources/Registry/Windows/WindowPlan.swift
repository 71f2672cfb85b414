/// Decides whether a blob is asked for over several connections, and which part of it next (PROTOCOL.md, D.3a).
///
/// One request begins, as always. Where it turns out slow, *windows* ahead of what has been delivered, the front, are asked
/// for beside it. They stay when they make the whole faster; otherwise one connection goes on alone.
///
/// Knows neither a clock nor a network: moments are arguments.
struct WindowPlan {
    /// What a request more has to bring at least, in bytes.
    static let smallest: Int64 = 4 << 20
    /// In bytes: what is ahead has a bound at any rate.
    static let largest: Int64 = 32 << 20
    /// How many are under way, or wait for the front, at once.
    static let maximumCount = 8
    /// How long one connection shows what it brings.
    static let observation = Duration.seconds(1)
    /// What one connection has done after this needs no others.
    static let worthwhile = Duration.seconds(4)
    /// What a window should last at the rate of one connection.
    static let length = Duration.seconds(2)
    /// How long the front's own connection, which brings the same bytes, waits for a window's first ones, and the front for its
    /// next ones.
    static let patience = Duration.seconds(4)
    /// In bytes a second; who brings so much on one connection is near, and hashing is hardly faster.
    static let fast = Double(256 << 20)
    /// After so many whole windows it is clear whether they help.
    static let trial = 3
    /// What all together have to bring of what the one brought.
    static let gain = 1.25

    /// A window that brings less than this part of what one connection brought alone keeps all others waiting.
    static let crawl = 1.0 / 16

    /// Why there are no windows any more.
    enum Ending: String {
        /// The host answers a range with something else, or wants fewer requests.
        case refused = "the host does not take them"
        case useless = "they bring no more"
        case broken = "they break"
        case noRoom = "the disk has no room"

        /// Whether the host's other blobs would fare alike.
        var isOfHost: Bool { self == .refused || self == .useless }
    }

    private enum Phase {
        /// What one connection brings is being measured.
        case single
        case trying
        case proven
        case over(Ending)
    }

    private let size: Int64
    private var phase = Phase.single
    private var meter: RateMeter
    /// When the first window was asked for, and how much had come by then.
    private var start: (at: Duration, received: Int64)?
    /// Where the last window ends.
    private var edge: Int64 = 0
    private var wholes = 0
    private var breaks = 0
    private var silences = 0

    /// The blob's size in bytes, and when its bytes began to come.
    init(size: Int64, at now: Duration) {
        self.size = size
        meter = RateMeter(now)
    }

    /// Why there are no more windows, once it is so.
    var ending: Ending? { if case .over(let ending) = phase { ending } else { nil } }

    /// Notes how much has come in all, over every connection, and for how long in all the receiver kept it waiting.
    mutating func note(received: Int64, held: Duration, at now: Duration) {
        guard case .single = phase else { return }
        meter.note(received, held, now)
    }

    /// The next window that is worth asking for, if there is a place for it.
    ///
    /// - Parameters:
    ///   - front: everything before it has been delivered.
    ///   - count: how many windows there are, those that wait for the front included.
    /// - Returns: `nil` where there is none.
    func next(front: Int64, count: Int) -> Range<Int64>? {
        guard ending == nil, count < Self.maximumCount, let rate = meter.rate else { return nil }
        if case .single = phase, !isWorthwhile(rest: size - front, rate) { return nil }
        // The front's own connection brings as much as a window.
        let start = count > 0 ? edge : front + length(of: size - front, rate)
        guard size - start >= Self.smallest else { return nil }
        let end = start + length(of: size - start, rate)
        return start..<(size - end < Self.smallest ? size : end)
    }

    private func isWorthwhile(rest: Int64, _ rate: Double) -> Bool {
        !meter.isHeld && rate < Self.fast && Double(rest) > rate * (Self.worthwhile / .seconds(1))
    }

    /// Towards the end they become shorter, so that all connections end at about the same time.
    private func length(of rest: Int64, _ rate: Double) -> Int64 {
        let wanted = min(Int64(rate * (Self.length / .seconds(1))), Self.largest, rest / Int64(Self.maximumCount))
        return max(Self.smallest, wanted)
    }

    /// When the front had better go on by itself than wait for a window that has brought so much since it is delivered; `nil`
    /// while it is not known what one connection brings.
    func patience(with count: Int64) -> Duration? {
        meter.rate.map { max(Self.worthwhile, .seconds(Double(count) / ($0 * Self.crawl))) }
    }

    /// A window is under way.
    mutating func began(_ window: Range<Int64>, received: Int64, at now: Duration) {
        edge = window.upperBound
        guard case .single = phase else { return }
        (phase, start) = (.trying, (now, received))
    }

    /// A window has ended; `received` is what has come in all.
    mutating func ended(_ end: BlobWindow.End, received: Int64, at now: Duration) {
        switch end {
        case .refused: finish(.refused)
        case .broken:
            breaks += 1
            if breaks >= Self.trial { finish(.broken) }
        case .silent:
            silences += 1
            if silences >= Self.trial { finish(.useless) }
        case .whole:
            (breaks, silences) = (0, 0)
            wholes += 1
            judge(received, now)
        }
    }

    private mutating func judge(_ received: Int64, _ now: Duration) {
        guard case .trying = phase, wholes >= Self.trial, let start else { return }
        if isGain(Double(received - start.received), at: now) { phase = .proven } else { finish(.useless) }
    }

    /// Whether so many bytes since the first window was asked for are more than one connection alone would have brought.
    private func isGain(_ bytes: Double, at now: Duration) -> Bool {
        guard let start, let rate = meter.rate else { return true }
        return bytes / (max(now - start.at, .milliseconds(1)) / .seconds(1)) >= rate * Self.gain
    }

    /// Whether windows that have brought so much together are better than the front's own connection, whose place is one window's
    /// more.
    func isGain(_ brought: Int64, by count: Int, at now: Duration) -> Bool {
        isGain(Double(brought) * Double(count + 1) / Double(count), at: now)
    }

    /// How long one connection takes for so many bytes, once that is known.
    func time(for count: Int64) -> Duration? { meter.rate.map { .seconds(Double(count) / $0) } }

    /// Ends it: those under way are still used, and the first reason stays.
    mutating func finish(_ ending: Ending) {
        guard self.ending == nil else { return }
        phase = .over(ending)
    }
}

/// What one connection brings, measured anew every second.
private struct RateMeter {
    private var start: Duration
    private var received: Int64 = 0
    private var held = Duration.zero
    /// In bytes a second, once it is known.
    private(set) var rate: Double?
    /// Whether it was the receiver more than the connection that took the time.
    private(set) var isHeld = false

    init(_ start: Duration) {
        self.start = start
    }

    mutating func note(_ received: Int64, _ held: Duration, _ now: Duration) {
        let time = now - start
        guard time >= WindowPlan.observation else { return }
        rate = max(1, Double(received - self.received) / (time / .seconds(1)))
        isHeld = (held - self.held) * 2 > time
        (self.received, self.held, start) = (received, held, now)
    }
}
