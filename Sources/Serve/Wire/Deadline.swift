import NIOCore

/// One timer of a connection, which is cheap to set anew: it is only asked again when it has fired.
struct Deadline {
    /// What is being waited for.
    enum Kind {
        case head
        case idle
        case progress
        case linger
    }

    private(set) var kind: Kind?
    private var due = NIODeadline.distantFuture
    private var firesAt: NIODeadline?
    private var timer: Scheduled<Void>?

    /// Sets it; `fire` is called on the event loop, perhaps before its time.
    mutating func set(_ kind: Kind, _ amount: TimeAmount, on loop: any EventLoop, fire: @escaping () -> Void) {
        self.kind = kind
        due = .now() + amount
        if let firesAt, firesAt <= due { return }
        timer?.cancel()
        schedule(on: loop, fire)
    }

    mutating func clear() {
        kind = nil
    }

    mutating func cancel() {
        kind = nil
        timer?.cancel()
        timer = nil
        firesAt = nil
    }

    /// - Returns: what is overdue, after the timer fired.
    mutating func fired(on loop: any EventLoop, fire: @escaping () -> Void) -> Kind? {
        timer = nil
        firesAt = nil
        guard let kind else { return nil }
        guard NIODeadline.now() >= due else {
            schedule(on: loop, fire)
            return nil
        }
        self.kind = nil
        return kind
    }

    private mutating func schedule(on loop: any EventLoop, _ fire: @escaping () -> Void) {
        firesAt = due
        timer = loop.assumeIsolated().scheduleTask(deadline: due, fire)
    }
}
